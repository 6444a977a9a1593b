package verifier

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// The first pause before it is tried again, and the longest.
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
	// Nothing from the server for so long: the connection is given up. It says something every ten seconds.
	silence = 20 * time.Second
	// How long a record is kept beyond its end, in seconds: as far as clocks may differ.
	skew = 60
	// How often those that are over are looked for.
	sweepEvery = time.Minute
	// Bytes of an event.
	longestEvent = 64 << 10
)

// names are what a record names, and which of them: bit 0 of the shape for sid, and so on.
type names struct {
	shape             uint8
	sid, sub, azp, id string
}

// end: tokens from up to a moment are dead, and how long it matters.
type end struct {
	beforeMs, until int64
}

// Why a connection is over, where it is not just lost.
var (
	errForbidden  = errors.New("the feed is refused: blind")
	errRealmGone  = errors.New("there is no such realm: every token is refused")
	errNeverGiven = errors.New("the feed was set back: everything anew")
	errFull       = errors.New("more is revoked than can be kept: blind")
)

// feed is the live feed, folded: which tokens are revoked, and whether all is known.
type feed struct {
	maxStale   time.Duration
	maxRecords int
	log        Logger

	mutex   sync.RWMutex
	records map[names]end
	// How many records have each shape.
	shapes [16]int
	// The id of the last event; empty before the first.
	since string
	// When an event came last, as long as all before it is known.
	last      time.Time
	realmGone bool
	swept     time.Time
}

func (f *feed) isCurrent() bool {
	f.mutex.RLock()
	defer f.mutex.RUnlock()
	return !f.last.IsZero() && time.Since(f.last) < f.maxStale
}

func (f *feed) isRevoked(claims Claims) bool {
	all := [4]string{}
	var present uint8
	for place, name := range []string{"sid", "sub", "azp", "jti"} {
		if text, says := claims[name].(string); says {
			all[place] = text
			present |= 1 << place
		}
	}
	made := claims.madeMs()
	f.mutex.RLock()
	defer f.mutex.RUnlock()
	if f.realmGone {
		return true
	}
	for shape, count := range f.shapes {
		shape := uint8(shape)
		if count == 0 || shape&^present != 0 {
			continue
		}
		if end, is := f.records[named(shape, all)]; is && made <= end.beforeMs {
			return true
		}
	}
	return false
}

// named leaves those of four texts that a shape has.
func named(shape uint8, all [4]string) names {
	for place := range all {
		if shape>>place&1 == 0 {
			all[place] = ""
		}
	}
	return names{shape, all[0], all[1], all[2], all[3]}
}

// keep takes a record in, if there is room.
func (f *feed) keep(data string) error {
	// What it has besides is passed over.
	var record struct {
		Sid    *string `json:"sid"`
		Sub    *string `json:"sub"`
		Client *string `json:"client_id"`
		ID     *string `json:"jti"`
		Before *int64  `json:"before_ms"`
		Until  *int64  `json:"until"`
	}
	if err := json.Unmarshal([]byte(data), &record); err != nil {
		return fmt.Errorf("a record that cannot be read: %w", err)
	}
	if record.Before == nil || record.Until == nil {
		return errors.New("a record that cannot be read: it says no time")
	}
	all, shape := [4]string{}, uint8(0)
	for place, name := range []*string{record.Sid, record.Sub, record.Client, record.ID} {
		if name != nil {
			all[place] = *name
			shape |= 1 << place
		}
	}
	key := named(shape, all)
	known, isKnown := f.records[key]
	if !isKnown {
		if len(f.records) >= f.maxRecords {
			f.sweep()
		}
		if len(f.records) >= f.maxRecords {
			return errFull
		}
		f.shapes[shape]++
		known = end{*record.Before, *record.Until}
	}
	f.records[key] = end{larger(known.beforeMs, *record.Before), larger(known.until, *record.Until)}
	return nil
}

func larger(one, other int64) int64 {
	if one > other {
		return one
	}
	return other
}

// sweep forgets what no token can meet any more.
func (f *feed) sweep() {
	f.swept = time.Now()
	for key, end := range f.records {
		if end.until < f.swept.Unix()-skew {
			delete(f.records, key)
			f.shapes[key.shape]--
		}
	}
}

// follow does so until it is told to stop.
func (f *feed) follow(ctx context.Context, keys *keys, client *http.Client, id, secret string) {
	pause := firstPause
	for ctx.Err() == nil {
		// Those who come first shall not have to wait for them.
		if !keys.areKnown() {
			keys.refresh()
		}
		err := f.listen(ctx, client, keys.issuer+"/revocations", id, secret, &pause)
		if ctx.Err() != nil {
			return
		}
		f.log.Printf("claviger: the feed of %s: %v", keys.issuer, err)
		f.over(err)
		// By chance between the half and the whole, so that not all come back at the same moment.
		wait := time.NewTimer(pause/2 + time.Duration(rand.Int63n(int64(pause/2)+1)))
		select {
		case <-ctx.Done():
			wait.Stop()
		case <-wait.C:
		}
		if pause *= 2; pause > longestPause {
			pause = longestPause
		}
	}
}

// over draws the consequence of the end of a connection.
func (f *feed) over(err error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	switch {
	case errors.Is(err, errRealmGone):
		f.realmGone, f.last = true, time.Time{}
	case errors.Is(err, errForbidden):
		f.realmGone, f.last = false, time.Time{}
	case errors.Is(err, errFull):
		f.last = time.Time{}
	case errors.Is(err, errNeverGiven):
		f.records, f.shapes = map[names]end{}, [16]int{}
		f.since, f.realmGone, f.last = "", false, time.Time{}
	}
	// Else what is known grows old.
}

// listen follows one connection to its end.
func (f *feed) listen(ctx context.Context, client *http.Client, address, id, secret string, pause *time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	quiet := time.AfterFunc(silence, cancel)
	defer quiet.Stop()
	f.mutex.RLock()
	if f.since != "" {
		address += "?since=" + url.QueryEscape(f.since)
	}
	f.mutex.RUnlock()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	request.SetBasicAuth(id, secret)
	request.Header.Set("Accept", "text/event-stream")
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w (%s)", errForbidden, answer.Status)
	case http.StatusNotFound:
		return errRealmGone
	case http.StatusGone:
		return errNeverGiven
	default:
		return errors.New(answer.Status)
	}
	f.mutex.Lock()
	f.realmGone = false
	f.mutex.Unlock()
	isComplete := false
	return events(&awake{answer.Body, quiet}, func(event event) error {
		err := f.fold(event, &isComplete)
		if isComplete {
			*pause = firstPause
		}
		return err
	})
}

// fold takes an event in. What a connection brings before its first head is what was missed: only then is all known.
func (f *feed) fold(event event, isComplete *bool) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	switch event.kind {
	case "revocation":
		if err := f.keep(event.data); err != nil {
			return err
		}
	case "head":
		*isComplete = true
	case "end":
		return fmt.Errorf("the server has ended it: %s", event.data)
	default:
		return nil
	}
	if _, err := strconv.ParseInt(event.id, 10, 64); err == nil {
		f.since = event.id
	}
	if *isComplete {
		f.last = time.Now()
		if time.Since(f.swept) > sweepEvery {
			f.sweep()
		}
	}
	return nil
}

// awake puts the end of patience off with each byte.
type awake struct {
	io.Reader
	quiet *time.Timer
}

func (a *awake) Read(bytes []byte) (int, error) {
	count, err := a.Reader.Read(bytes)
	if count > 0 {
		a.quiet.Reset(silence)
	}
	return count, err
}

// event is a Server-Sent Event (HTML §9.2.6).
type event struct {
	id, kind, data string
}

// events reads a stream until it ends, or until one cannot be taken.
func events(from io.Reader, take func(event) error) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, 4<<10), longestEvent)
	var event event
	length := 0
	for lines.Scan() {
		line := lines.Text()
		if length += len(line) + 1; length > longestEvent {
			return bufio.ErrTooLong
		}
		if line == "" {
			if event.data != "" {
				if err := take(event); err != nil {
					return err
				}
			}
			event.id, event.kind, event.data, length = "", "", "", 0
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			event.id = value
		case "event":
			event.kind = value
		case "data":
			if event.data != "" {
				event.data += "\n"
			}
			event.data += value
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}
