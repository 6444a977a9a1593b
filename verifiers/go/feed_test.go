package verifier

import (
	"errors"
	"fmt"
	"io"
	"log"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

const later = 1 << 40

func newTestFeed(room int) *feed {
	return newFeed(30*time.Second, room, log.New(io.Discard, "", 0))
}

func record(names string, beforeMs, until int64) event {
	data := fmt.Sprintf(`{%s "before_ms": %d, "until": %d, "reason": "logout"}`, names, beforeMs, until)
	return event{"5", "revocation", data}
}

var head = event{"9", "head", `{"head": 9}`}

// told folds events as those of one connection.
func told(f *feed, events ...event) error {
	isComplete := false
	for _, event := range events {
		if err := f.fold(event, &isComplete); err != nil {
			return err
		}
	}
	return nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestATokenIsRevokedByARecordAllOfWhoseNamesAreItsOwn(t *testing.T) {
	token := Claims{"sid": "s", "sub": "u", "azp": "c", "jti": "j", "iat": 100.0}
	for names, expected := range map[string]bool{
		``:                                    true,
		`"sid": "s",`:                         true,
		`"sid": "s", "client_id": "c",`:       true,
		`"sid": "s", "client_id": "other",`:   false,
		`"sub": "u",`:                         true,
		`"sub": "c",`:                         false,
		`"jti": "j", "sid": null, "more": 1,`: true,
		`"sid": "s", "sub": "u", "client_id": "c", "jti": "j",`: true,
		`"sid": "s", "sub": "u", "client_id": "c", "jti": "k",`: false,
	} {
		for before, isOlder := range map[int64]bool{100_000: true, 99_999: false} {
			f := newTestFeed(10)
			must(t, told(f, record(names, before, later)))
			if f.isRevoked(token) != (expected && isOlder) {
				t.Errorf("%s %d", names, before)
			}
		}
	}
}

func TestWhatATokenDoesNotSayMatchesNoNameAndIsAsOldAsCanBe(t *testing.T) {
	f := newTestFeed(10)
	must(t, told(f, record(`"sid": "s",`, 0, later)))
	for _, one := range []struct {
		token   Claims
		revoked bool
	}{
		{Claims{"iat": 0.0}, false},
		{Claims{"sid": "s", "iat": 1.0}, false},
		{Claims{"sid": "s"}, true},
		{Claims{"sid": "s", "iat": 0.9}, true},
		{Claims{"sid": []any{"s"}, "iat": 0.0}, false},
	} {
		if f.isRevoked(one.token) != one.revoked {
			t.Error(one)
		}
	}
}

func TestOfRecordsWithTheSameNamesTheFarthestCounts(t *testing.T) {
	f := newTestFeed(1)
	must(t, told(f, record(`"sub": "u",`, 5_000, time.Now().Unix()), record(`"sub": "u",`, 3_000, later)))
	if !f.isRevoked(Claims{"sub": "u", "iat": 5.0}) || f.records[names{shape: 2, sub: "u"}].until != later {
		t.Error(f.records)
	}
}

func TestWithTheFirstHeadAllIsKnown(t *testing.T) {
	f := newTestFeed(10)
	isComplete := false
	must(t, f.fold(record(`"sid": "s",`, 1, later), &isComplete))
	must(t, f.fold(event{"8", "of later versions", "1"}, &isComplete))
	if f.isCurrent() || f.since != "5" {
		t.Error("before it", f.since)
	}
	must(t, f.fold(head, &isComplete))
	if !f.isCurrent() || f.since != "9" {
		t.Error("behind it", f.since)
	}
}

func TestARecordThatCannotBeReadIsNotPassedOver(t *testing.T) {
	for _, data := range []string{`{"sid": "s", "before_ms": "soon", "until": 1}`, `{"sid": "s"}`, `{"sid": 1, "before_ms": 1, "until": 1}`, `x`} {
		f := newTestFeed(10)
		err := told(f, record(`"sid": "r",`, 1, later), event{"6", "revocation", data})
		if err == nil || f.since != "5" {
			t.Error(data, err, f.since)
		}
	}
}

func TestWhatDoesNotFitMakesBlindUntilSomethingRunsOut(t *testing.T) {
	f := newTestFeed(2)
	must(t, told(f, record(`"sid": "a",`, 1_000, later), record(`"sid": "b",`, 1_000, later), head))
	err := told(f, record(`"sid": "c",`, 1_000, later))
	f.over(err)
	if !errors.Is(err, errFull) || f.isCurrent() || f.since != "9" || !f.isRevoked(Claims{"sid": "a", "iat": 1.0}) {
		t.Fatal(err, f.since)
	}
	// What ran out more than a minute ago makes room.
	for key := range f.records {
		f.records[key] = end{1_000, time.Now().Unix() - skew - 2}
	}
	must(t, told(f, record(`"sid": "c",`, 1_000, later), head))
	isA, isC := f.isRevoked(Claims{"sid": "a", "iat": 1.0}), f.isRevoked(Claims{"sid": "c", "iat": 1.0})
	if !f.isCurrent() || len(f.records) != 1 || isA || !isC {
		t.Error(f.records)
	}
}

func TestEachEndOfAConnectionHasItsConsequence(t *testing.T) {
	good, dead := Claims{"sid": "good", "iat": 1.0}, Claims{"sid": "dead", "iat": 1.0}
	for _, one := range []struct {
		err                 error
		current, dead, good bool
		since               string
	}{
		{io.EOF, true, true, false, "9"},
		{fmt.Errorf("%w (403)", errForbidden), false, true, false, "9"},
		{errRealmGone, false, true, true, "9"},
		{errNeverGiven, false, false, false, ""},
	} {
		f := newTestFeed(10)
		must(t, told(f, record(`"sid": "dead",`, 9_000, later), head))
		f.over(one.err)
		if f.isCurrent() != one.current || f.isRevoked(dead) != one.dead || f.isRevoked(good) != one.good || f.since != one.since {
			t.Error(one)
		}
	}
	f := newTestFeed(1)
	f.over(errRealmGone)
	f.over(errors.New("503"))
	if !f.isRevoked(good) {
		t.Error("a realm that is gone stays gone while nobody answers")
	}
}

func TestEventsAreReadInAnyPortions(t *testing.T) {
	text := ": hello\r\nid: 7\r\nevent: head\r\ndata: {\"a\":\ndata: 1}\nretry: 5\n\n\nid: 8\nevent:end\ndata:x\n\n"
	for _, reader := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
		var found []event
		_ = events(reader, func(event event) error {
			found = append(found, event)
			return nil
		})
		expected := []event{{"7", "head", "{\"a\":\n1}"}, {"8", "end", "x"}}
		if fmt.Sprint(found) != fmt.Sprint(expected) {
			t.Error(found)
		}
	}
	for _, endless := range []string{strings.Repeat("x", longestEvent+1), strings.Repeat("data: x\n", longestEvent/8+1)} {
		if err := events(strings.NewReader(endless), nil); errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error("an endless event is given up")
		}
	}
}
