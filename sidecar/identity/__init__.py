"""Who is asking: proven identity, and the authority that the tenant's own records give it."""
