// Package verifier is middleware for APIs that take access tokens of Claviger: it checks each token by itself, and refuses
// it from the moment on that it is revoked. ../README.md says what holds for every language.
package verifier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Why a request does not pass.
var (
	// ErrInvalid: the token is not the realm's, not for this API, not an access token, or out of its time.
	ErrInvalid = errors.New("the token is not valid")
	// ErrRevoked: it was good, and is revoked.
	ErrRevoked = errors.New("the token was revoked")
	// ErrUnknown: it is not known whether it is good.
	ErrUnknown = errors.New("it is not known at the moment which tokens are revoked")
)

// WhenBlind is what to do while it is not known what is revoked.
type WhenBlind int

const (
	// Refuse every token, with 503.
	Refuse WhenBlind = iota
	// Accept those that are not known to be revoked.
	Accept
)

// Logger is told of what an operator should know; a *log.Logger is one.
type Logger interface {
	Printf(format string, arguments ...any)
}

// Config is how a verifier is to be.
type Config struct {
	// Issuer is iss of the tokens, as https://id.example.com/realms/shop.
	Issuer string
	// Audience is what tokens must have in aud. Without it those for any API pass: have one.
	Audience string
	// ClientID and ClientSecret are of a confidential client with revocation.feed.enabled.
	ClientID, ClientSecret string
	// MaxStale is how long nothing may be heard until nothing counts as known; 30 seconds unless told. The server says
	// something every ten.
	MaxStale time.Duration
	// WhenBlind is what to do then; Refuse unless told.
	WhenBlind WhenBlind
	// MaxRecords are kept at most; a million unless told.
	MaxRecords int
	// Log is that of package log unless told.
	Log Logger
}

// Verifier checks tokens.
type Verifier struct {
	keys      *keys
	feed      *feed
	whenBlind WhenBlind
	stop      context.CancelFunc
}

// New starts a verifier, which follows the live feed until it is closed. The server need not be there.
func New(config Config) (*Verifier, error) {
	address, err := url.Parse(config.Issuer)
	if err != nil || address.Host == "" {
		return nil, fmt.Errorf("claviger: the issuer is no address: %q", config.Issuer)
	}
	if config.MaxStale <= 0 {
		config.MaxStale = 30 * time.Second
	}
	if config.MaxRecords <= 0 {
		config.MaxRecords = 1_000_000
	}
	if config.Log == nil {
		config.Log = log.Default()
	}
	client := newClient()
	ctx, stop := context.WithCancel(context.Background())
	v := &Verifier{
		keys:      &keys{issuer: config.Issuer, audience: config.Audience, http: client, log: config.Log},
		feed:      newFeed(config.MaxStale, config.MaxRecords, config.Log),
		whenBlind: config.WhenBlind,
		stop:      stop,
	}
	go v.keys.keepFresh(ctx, keysAnyway)
	go v.feed.follow(ctx, v.keys, client, config.ClientID, config.ClientSecret)
	return v, nil
}

func newFeed(maxStale time.Duration, maxRecords int, log Logger) *feed {
	return &feed{maxStale: maxStale, maxRecords: maxRecords, log: log, records: map[names]end{}, swept: time.Now()}
}

// Close ends what it does in the background.
func (v *Verifier) Close() { v.stop() }

// Current tells whether it is known what is revoked.
func (v *Verifier) Current() bool { return v.feed.isCurrent() && v.keys.areKnown() }

// Check gives the claims of a token; or ErrInvalid, ErrRevoked or ErrUnknown.
func (v *Verifier) Check(token string) (Claims, error) {
	claims, err := v.keys.accessToken(token, time.Now())
	switch {
	case errors.Is(err, ErrUnknown):
		return nil, ErrUnknown
	case err != nil:
		return nil, ErrInvalid
	case v.feed.isRevoked(claims):
		return nil, ErrRevoked
	case v.whenBlind == Refuse && !v.feed.isCurrent():
		return nil, ErrUnknown
	}
	return claims, nil
}

type claimsKey struct{}

// FromContext gives the claims of the request's token, behind the middleware; none elsewhere.
func FromContext(ctx context.Context) Claims {
	claims, _ := ctx.Value(claimsKey{}).(Claims)
	return claims
}

// Middleware lets those requests through to an API whose token is good, and answers the others.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, has := bearer(r.Header)
		if !has {
			w.Header().Set("WWW-Authenticate", v.challenge())
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		claims, err := v.Check(token)
		switch {
		case errors.Is(err, ErrUnknown):
			w.Header().Set("Retry-After", "1")
			refuse(w, http.StatusServiceUnavailable, "temporarily_unavailable", err)
		case err != nil:
			challenge := fmt.Sprintf(`%s, error="invalid_token", error_description="%s"`, v.challenge(), sentence(err))
			w.Header().Set("WWW-Authenticate", challenge)
			refuse(w, http.StatusUnauthorized, "invalid_token", err)
		default:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, claims)))
		}
	})
}

// bearer is the token of Authorization: Bearer (RFC 6750 §2.1), if there is one and no other.
func bearer(header http.Header) (string, bool) {
	all := header.Values("Authorization")
	if len(all) != 1 {
		return "", false
	}
	scheme, token, has := strings.Cut(all[0], " ")
	return strings.TrimSpace(token), has && strings.EqualFold(scheme, "Bearer")
}

func (v *Verifier) challenge() string {
	// Quotes would end the text.
	realm := strings.NewReplacer(`"`, "", `\`, "").Replace(v.keys.issuer)
	return fmt.Sprintf(`Bearer realm="%s"`, realm)
}

func refuse(w http.ResponseWriter, status int, code string, why error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": sentence(why)})
}

// sentence begins as one.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}
