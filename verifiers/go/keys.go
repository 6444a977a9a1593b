package verifier

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v3"
)

const (
	// Between two times that the keys are fetched because somebody names one that is not known.
	keysAgain = 10 * time.Second
	// The same while there are none at all.
	keysFirst = time.Second
	// How often they are fetched in any case: what the realm has given up is to be given up here.
	keysAnyway = 10 * time.Minute
	patience   = 5 * time.Second
	// Bytes of a document, and of a token.
	longestDocument = 4 << 20
	longestToken    = 64 << 10
)

// All that a realm may sign with. HS is not among them: a public key is no shared secret.
var algorithms = map[string]bool{
	"RS256": true, "RS384": true, "RS512": true, "PS256": true, "PS384": true, "PS512": true,
	"ES256": true, "ES384": true, "ES512": true, "EdDSA": true,
}

// keys are those of the realm, and what they say of a token: all that can be told without knowing what is revoked.
type keys struct {
	issuer, audience string
	http             *http.Client
	log              Logger

	mutex sync.RWMutex
	known map[string]jose.JSONWebKey

	// Held while they are fetched: one asks, the others wait.
	fetching sync.Mutex
	tried    time.Time
}

func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: patience}).DialContext
	return &http.Client{
		Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

func (k *keys) find(id string) (key jose.JSONWebKey, isThere, areAny bool) {
	k.mutex.RLock()
	defer k.mutex.RUnlock()
	key, isThere = k.known[id]
	return key, isThere, k.known != nil
}

func (k *keys) areKnown() bool {
	_, _, areAny := k.find("")
	return areAny
}

// refresh fetches them, unless they were fetched just now.
func (k *keys) refresh() {
	pause := keysFirst
	if k.areKnown() {
		pause = keysAgain
	}
	k.fetching.Lock()
	defer k.fetching.Unlock()
	if !k.tried.IsZero() && time.Since(k.tried) < pause {
		return
	}
	k.replace()
}

// keepFresh fetches them again and again, until it is told to stop.
func (k *keys) keepFresh(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			k.fetching.Lock()
			k.replace()
			k.fetching.Unlock()
		}
	}
}

func (k *keys) replace() {
	k.tried = time.Now()
	known, err := k.fetch()
	if err != nil {
		k.log.Printf("claviger: no keys of %s: %v", k.issuer, err)
		return
	}
	k.mutex.Lock()
	k.known = known
	k.mutex.Unlock()
}

func (k *keys) fetch() (map[string]jose.JSONWebKey, error) {
	var discovery struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := k.document(k.issuer+"/.well-known/openid-configuration", &discovery); err != nil {
		return nil, err
	}
	if discovery.Issuer != k.issuer {
		return nil, fmt.Errorf("the issuer calls itself %q", discovery.Issuer)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := k.document(discovery.Keys, &set); err != nil {
		return nil, err
	}
	known := map[string]jose.JSONWebKey{}
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		// A key of a kind that is not known here is no reason to do without the others.
		if key.UnmarshalJSON(raw) != nil || !key.Valid() || !key.IsPublic() {
			continue
		}
		if key.KeyID != "" && (key.Use == "" || key.Use == "sig") {
			known[key.KeyID] = key
		}
	}
	return known, nil
}

func (k *keys) document(address string, into any) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	answer, err := k.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", address, answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, longestDocument+1))
	if err != nil {
		return err
	}
	if len(body) > longestDocument {
		return fmt.Errorf("%s is too long", address)
	}
	return json.Unmarshal(body, into)
}

var errBad = errors.New("the token is not good")

// accessToken gives the claims of an access token for this API; errBad, or ErrUnknown if no keys could be had.
func (k *keys) accessToken(token string, now time.Time) (Claims, error) {
	payload, err := k.signed(token)
	if err != nil {
		return nil, err
	}
	var claims Claims
	if json.Unmarshal(payload, &claims) != nil || claims == nil {
		return nil, errBad
	}
	seconds := float64(now.UnixNano()) / float64(time.Second)
	end, ends := claims["exp"].(float64)
	start, starts := claims["nbf"].(float64)
	if _, says := claims["nbf"]; says && !starts {
		return nil, errBad
	}
	_, isBound := claims["cnf"]
	switch {
	case claims.text("iss") != k.issuer, !ends, seconds >= end, starts && seconds < start:
		return nil, errBad
	case k.audience != "" && !has(claims["aud"], k.audience):
		return nil, errBad
	// ID, refresh and logout tokens are signed by the same keys.
	case claims.text("typ") != "Bearer":
		return nil, errBad
	// Without the proof of having the key (RFC 9449 §7.1, RFC 8705 §3), which is not checked here, it is worth nothing.
	case isBound:
		return nil, errBad
	}
	return claims, nil
}

// signed gives what the realm has signed.
func (k *keys) signed(token string) ([]byte, error) {
	if len(token) > longestToken || strings.Count(token, ".") != 2 || strings.HasPrefix(token, "{") {
		return nil, errBad
	}
	var header map[string]json.RawMessage
	raw, err := base64.RawURLEncoding.DecodeString(strings.SplitN(token, ".", 2)[0])
	if err != nil || json.Unmarshal(raw, &header) != nil {
		return nil, errBad
	}
	if _, isCritical := header["crit"]; isCritical {
		return nil, errBad
	}
	parsed, err := jose.ParseSigned(token)
	if err != nil || len(parsed.Signatures) != 1 {
		return nil, errBad
	}
	said := parsed.Signatures[0].Header
	if !algorithms[said.Algorithm] || said.KeyID == "" {
		return nil, errBad
	}
	key, isThere, _ := k.find(said.KeyID)
	if !isThere {
		k.refresh()
		var areAny bool
		if key, isThere, areAny = k.find(said.KeyID); !areAny {
			return nil, ErrUnknown
		}
	}
	if !isThere || key.Algorithm != "" && key.Algorithm != said.Algorithm {
		return nil, errBad
	}
	payload, err := parsed.Verify(key.Key)
	if err != nil {
		return nil, errBad
	}
	return payload, nil
}

// has tells whether aud, one text or several, names an audience (RFC 7519 §4.1.3).
func has(audience any, wanted string) bool {
	switch audience := audience.(type) {
	case string:
		return audience == wanted
	case []any:
		for _, one := range audience {
			if one == wanted {
				return true
			}
		}
	}
	return false
}

// Claims are those of a token that passed.
type Claims map[string]any

// Subject is sub; empty if the token has none.
func (c Claims) Subject() string { return c.text("sub") }

func (c Claims) text(name string) string {
	text, _ := c[name].(string)
	return text
}

// madeMs is iat in milliseconds. A token that does not say when it was made is as old as can be.
func (c Claims) madeMs() int64 {
	made, says := c["iat"].(float64)
	switch {
	case !says || made < -1e15:
		return math.MinInt64
	case made > 1e15:
		return math.MaxInt64
	}
	return int64(math.Floor(made)) * 1000
}
