"""The shop with Django and social-auth-core's backend for Keycloak, which reads the user out of the access token."""

import os
import tempfile
from urllib.parse import urlencode

import django
import requests
from django.conf import settings
from django.core.management import call_command

PORT, ISSUER, API = os.environ["PORT"], os.environ["ISSUER"], os.environ["API"]
HOME = f"http://127.0.0.1:{PORT}"
PROTOCOL = f"{ISSUER}/protocol/openid-connect"
folder = tempfile.TemporaryDirectory()

settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1"],
    SECRET_KEY=os.urandom(16).hex(),
    DEBUG_PROPAGATE_EXCEPTIONS=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder.name}/shop.db"}},
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.sessions",
        "social_django",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    AUTHENTICATION_BACKENDS=["social_core.backends.keycloak.KeycloakOAuth2"],
    LOGIN_REDIRECT_URL="/",
    SOCIAL_AUTH_KEYCLOAK_KEY=os.environ["CLIENT_ID"],
    SOCIAL_AUTH_KEYCLOAK_SECRET=os.environ["CLIENT_SECRET"],
    SOCIAL_AUTH_KEYCLOAK_PUBLIC_KEY=requests.get(ISSUER, timeout=30).json()["public_key"],
    SOCIAL_AUTH_KEYCLOAK_AUTHORIZATION_URL=f"{PROTOCOL}/auth",
    SOCIAL_AUTH_KEYCLOAK_ACCESS_TOKEN_URL=f"{PROTOCOL}/token",
    SOCIAL_AUTH_KEYCLOAK_SCOPE=["openid"],
    SOCIAL_AUTH_KEYCLOAK_EXTRA_DATA=["refresh_token", "id_token"],
)
django.setup()

from django.contrib.auth import logout as forget  # noqa: E402  Django's models exist only after its setup
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse, HttpResponseRedirect  # noqa: E402
from django.urls import include, path  # noqa: E402
from social_core.actions import do_auth  # noqa: E402
from social_core.exceptions import AuthCredentialError  # noqa: E402
from social_django.utils import load_strategy, psa  # noqa: E402
from werkzeug.serving import run_simple  # noqa: E402


def account(request):
    return request.user.social_auth.get(provider="keycloak")


def home(request):
    return HttpResponse(f"signed in as {request.user.username}" if request.user.is_authenticated else "nobody")


@psa("social:complete")
def login(request, backend):
    return do_auth(request.backend)


def orders(request):
    bearer = {"authorization": f"Bearer {account(request).access_token}"}
    return HttpResponse(requests.get(API, headers=bearer, timeout=30).text)


def refresh(request):
    before = account(request).access_token
    try:
        account(request).refresh_token(load_strategy(request))
    except AuthCredentialError:
        forget(request)
        return HttpResponse("session ended")
    return HttpResponse("not refreshed" if account(request).access_token == before else "refreshed")


def logout(request):
    hint = {"id_token_hint": account(request).extra_data["id_token"], "post_logout_redirect_uri": f"{HOME}/"}
    forget(request)
    return HttpResponseRedirect(f"{PROTOCOL}/logout?{urlencode(hint)}")


urlpatterns = [
    path("", home),
    path("login", login, {"backend": "keycloak"}),
    path("orders", orders),
    path("refresh", refresh),
    path("logout", logout),
    path("", include("social_django.urls", namespace="social")),
]

call_command("migrate", verbosity=0)
run_simple("127.0.0.1", int(PORT), get_wsgi_application(), threaded=True)
