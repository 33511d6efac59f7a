"""Who calls, and what they may do.

caller.py          the caller, as authentication finds them: name, role, groups
tokens.py          the tokens of the API, as they are stored
token_text.py      the text of a token, which only its user has
known_tokens.py    the tokens that a server has seen, and their last use
stream_ends.py     ends streams whose caller may not call any more
certificate_callers.py  the callers that certificates of clients name
issuer.py          tokens of an OpenID provider: whether one is good, and for whom
issuer_documents.py  the keys and endpoints that the provider publishes
claims.py          from the claims of such a token to a caller
oidc.py            the provider of the settings, ready for use
sign_in.py         signing in by the provider: authorization code with PKCE
sessions.py        those who have signed in to the interface, by their cookies
audit.py           the audit log: who changed what, and what was refused to whom
limits.py          what one caller may ask of a server at the most
exposure.py        an open server is reached from its own machine alone
authentication.py  from the headers and the peer of a call to its caller
visibility.py      which experiments a caller sees, in SQL; what they may do with one
recheck.py         when an answer that takes long looks that up again
"""
