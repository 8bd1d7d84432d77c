"""What commands that change the chain share: accounts, confirmation, sending, and telling what happened."""
