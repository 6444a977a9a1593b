// The API behind a verifier: says whose token it was. ../../README.md tells which variables it reads.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	verifier "claviger/verifier"
)

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func main() {
	config := verifier.Config{
		Issuer:       os.Getenv("ISSUER"),
		Audience:     os.Getenv("AUDIENCE"),
		ClientID:     os.Getenv("FEED_CLIENT_ID"),
		ClientSecret: os.Getenv("FEED_CLIENT_SECRET"),
	}
	seconds, err := strconv.ParseFloat(env("MAX_STALE", "30"), 64)
	if err != nil {
		log.Fatalf("MAX_STALE: %v", err)
	}
	config.MaxStale = time.Duration(seconds * float64(time.Second))
	config.MaxRecords, err = strconv.Atoi(env("MAX_RECORDS", "0"))
	if err != nil {
		log.Fatalf("MAX_RECORDS: %v", err)
	}
	switch blind := env("WHEN_BLIND", "refuse"); blind {
	case "refuse":
	case "accept":
		config.WhenBlind = verifier.Accept
	default:
		log.Fatalf("WHEN_BLIND: %s", blind)
	}
	if mode := env("MODE", "feed"); mode != "feed" {
		log.Fatalf("MODE: %s", mode)
	}
	guard, err := verifier.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer guard.Close()

	answer := func(w http.ResponseWriter, what any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(what)
	}
	http.Handle("/", guard.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]string{"sub": verifier.FromContext(r.Context()).Subject()})
	})))
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]bool{"current": guard.Current()})
	})
	listener, err := net.Listen("tcp", "127.0.0.1:"+env("PORT", "0"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on %s\n", listener.Addr())

	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM, os.Interrupt)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		told <- syscall.SIGTERM
	}()
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-told
		_ = server.Close()
	}()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		log.Fatal(err)
	}
}
