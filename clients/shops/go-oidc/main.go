// The shop with go-oidc and golang.org/x/oauth2: code flow with PKCE, refresh, logout at the server, and logout by
// the server, whose token is verified as an ID token is.
package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const backchannelLogout = "http://schemas.openid.net/event/backchannel-logout"

// person is one browser: on its way in, or signed in.
type person struct {
	state, nonce, challenge string
	token                   *oauth2.Token
	idToken, sid, name      string
}

type shop struct {
	oauth2.Config
	verifier *oidc.IDTokenVerifier
	end      string

	mutex  sync.Mutex
	people map[string]*person
}

func random() string {
	bytes := make([]byte, 32)
	if _, err := rand.Read(bytes); err != nil {
		log.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(bytes)
}

var home = "http://127.0.0.1:" + os.Getenv("PORT")

func main() {
	provider, err := oidc.NewProvider(context.Background(), os.Getenv("ISSUER"))
	if err != nil {
		log.Fatal(err)
	}
	var more struct {
		End string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&more); err != nil {
		log.Fatal(err)
	}
	client := os.Getenv("CLIENT_ID")
	s := &shop{
		Config: oauth2.Config{
			ClientID:     client,
			ClientSecret: os.Getenv("CLIENT_SECRET"),
			Endpoint:     provider.Endpoint(),
			RedirectURL:  home + "/callback",
			Scopes:       []string{oidc.ScopeOpenID, "profile", "email"},
		},
		verifier: provider.Verifier(&oidc.Config{ClientID: client}),
		end:      more.End,
		people:   map[string]*person{},
	}
	for path, handle := range map[string]func(*person, http.ResponseWriter, *http.Request) error{
		"/": s.home, "/login": s.login, "/callback": s.callback,
		"/orders": s.orders, "/refresh": s.refresh, "/logout": s.logout,
	} {
		http.HandleFunc(path, s.serve(handle))
	}
	http.HandleFunc("/backchannel", s.backchannel)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}

// serve finds the person by the cookie.
func (s *shop) serve(handle func(*person, http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		cookie, err := r.Cookie("shop")
		if err != nil || s.people[cookie.Value] == nil {
			cookie = &http.Cookie{Name: "shop", Value: random(), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
			s.people[cookie.Value] = &person{}
			http.SetCookie(w, cookie)
		}
		if err := handle(s.people[cookie.Value], w, r); err != nil {
			log.Print(err)
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}
}

func (s *shop) home(p *person, w http.ResponseWriter, _ *http.Request) error {
	if p.token == nil {
		fmt.Fprint(w, "nobody")
	} else {
		fmt.Fprint(w, "signed in as ", p.name)
	}
	return nil
}

func (s *shop) login(p *person, w http.ResponseWriter, r *http.Request) error {
	*p = person{state: random(), nonce: random(), challenge: random()}
	sum := sha256.Sum256([]byte(p.challenge))
	http.Redirect(w, r, s.AuthCodeURL(p.state, oidc.Nonce(p.nonce),
		oauth2.SetAuthURLParam("code_challenge", base64.RawURLEncoding.EncodeToString(sum[:])),
		oauth2.SetAuthURLParam("code_challenge_method", "S256")), http.StatusFound)
	return nil
}

func (s *shop) callback(p *person, w http.ResponseWriter, r *http.Request) error {
	if p.state == "" || r.FormValue("state") != p.state {
		return errors.New("an answer to nothing that was asked")
	}
	token, err := s.Exchange(r.Context(), r.FormValue("code"), oauth2.SetAuthURLParam("code_verifier", p.challenge))
	if err != nil {
		return err
	}
	raw, _ := token.Extra("id_token").(string)
	verified, err := s.verifier.Verify(r.Context(), raw)
	if err != nil {
		return err
	}
	if verified.Nonce != p.nonce {
		return errors.New("an ID token for somebody else")
	}
	if err := verified.VerifyAccessToken(token.AccessToken); err != nil {
		return err
	}
	var claims struct {
		Name string `json:"preferred_username"`
		Sid  string `json:"sid"`
	}
	if err := verified.Claims(&claims); err != nil {
		return err
	}
	*p = person{token: token, idToken: raw, sid: claims.Sid, name: claims.Name}
	http.Redirect(w, r, "/", http.StatusFound)
	return nil
}

func (s *shop) orders(p *person, w http.ResponseWriter, r *http.Request) error {
	answer, err := s.Client(r.Context(), p.token).Get(os.Getenv("API"))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(w, answer.Body)
	return err
}

func (s *shop) refresh(p *person, w http.ResponseWriter, r *http.Request) error {
	old := &oauth2.Token{RefreshToken: p.token.RefreshToken}
	fresh, err := s.TokenSource(r.Context(), old).Token()
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.ErrorCode == "invalid_grant" {
		*p = person{}
		fmt.Fprint(w, "session ended")
		return nil
	} else if err != nil {
		return err
	}
	if fresh.AccessToken == p.token.AccessToken {
		fmt.Fprint(w, "not ")
	}
	p.token = fresh
	fmt.Fprint(w, "refreshed")
	return nil
}

func (s *shop) logout(p *person, w http.ResponseWriter, r *http.Request) error {
	query := url.Values{"id_token_hint": {p.idToken}, "post_logout_redirect_uri": {home + "/"}}
	*p = person{}
	http.Redirect(w, r, s.end+"?"+query.Encode(), http.StatusFound)
	return nil
}

func (s *shop) backchannel(w http.ResponseWriter, r *http.Request) {
	token, err := s.verifier.Verify(r.Context(), r.FormValue("logout_token"))
	var claims struct {
		Sid    string              `json:"sid"`
		Events map[string]struct{} `json:"events"`
	}
	if err == nil {
		err = token.Claims(&claims)
	}
	if _, logout := claims.Events[backchannelLogout]; err != nil || !logout || claims.Sid == "" {
		log.Print("no logout token: ", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, p := range s.people {
		if p.sid == claims.Sid {
			*p = person{}
		}
	}
}
