//! The exact JSON and forms that others see, in Keycloak's spelling.
