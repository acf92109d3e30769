"""How an endpoint reads a request and answers it; knows no app."""
