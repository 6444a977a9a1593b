package verifier

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

func TestAKeyThatTheRealmHasGivenUpIsGivenUp(t *testing.T) {
	var kid atomic.Value
	kid.Store("first")
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			fmt.Fprintf(w, `{"issuer": %q, "jwks_uri": %q}`, server.URL, server.URL+"/keys")
		case "/keys":
			const keys = `{"keys": [{"kty": "RSA", "kid": %q, "alg": "RS256", "n": "AQAB", "e": "AQAB"}, {"kty": "of later times"}]}`
			fmt.Fprintf(w, keys, kid.Load())
		}
	}))
	defer server.Close()
	k := &keys{issuer: server.URL, http: newClient(), log: log.New(io.Discard, "", 0)}
	has := func(kid string) bool {
		_, isThere, _ := k.find(kid)
		return isThere
	}
	k.refresh()
	if !has("first") {
		t.Fatal("no key")
	}
	kid.Store("second")
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go k.keepFresh(ctx, time.Millisecond)
	for end := time.Now().Add(time.Minute); !has("second"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come")
		}
	}
	if has("first") {
		t.Error("it stays")
	}
}
