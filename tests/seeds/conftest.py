"""The programs run by `test_programs.py`, in a process where the old names lead to Grapevine."""

collect_ignore_glob = ["programs/*", "driver.py"]
