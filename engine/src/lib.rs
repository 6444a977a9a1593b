//! What the server does, free of HTTP, SQL and XML.
