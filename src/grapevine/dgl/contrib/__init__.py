"""Parts of DGL that older programs import from here."""
