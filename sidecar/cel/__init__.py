"""The expression language of the policies: CEL over JSON values."""
