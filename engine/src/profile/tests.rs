//! Cases as Keycloak 26.7.4 answers them.
