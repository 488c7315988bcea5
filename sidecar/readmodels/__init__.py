"""The read models: what each route answers, assembled from pages of rows that the caller may see. Pure."""
