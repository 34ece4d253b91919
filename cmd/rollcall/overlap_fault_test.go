package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// A user's last session ends while the next one is being written: the rows know no
// moment without the user, and so the list, the stream and the outbox must not either.
func TestUserWhoseNextSessionIsInFlightDoesNotLeave(t *testing.T) {
	for when, moment := range map[string]persistencetest.Moment{
		"before it is written": persistencetest.Before, "after it": persistencetest.After,
	} {
		t.Run(when, func(t *testing.T) {
			worlds(t, func(w *world) {
				p, faults := w.serveInside(patience)
				events := p.watch()
				first := p.connect(user(0))
				release := make(chan struct{})
				insert := faults.Arm(persistencetest.Fault{Statement: "INSERT INTO sessions", When: moment, Times: 1, Until: release})
				next, err := p.dial(user(0))
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = next.Close() }()
				<-insert.Over()
				first.leave()
				if listed := p.listed(); !slices.Equal(listed, []string{user(0)}) {
					t.Errorf("while the next session is written the list is %v", listed)
				}
				close(release)
				second := &client{next, p}
				if got, want := second.read(), string(rollcall.Greeting(rollcall.Email(user(0)))); got != want {
					t.Fatalf("the greeting is %s", got)
				}
				p.wantOnline(user(0))
				second.leave()
				p.wantOnline()
				w.wantComings(events, "join", "leave")
			})
		})
	}
}

// wantComings compares what happened to the one user who came: by the stream, and in
// the outbox.
func (w *world) wantComings(events *stream, want ...string) {
	w.Helper()
	var told []string
	for len(told) < len(want) && events.Scan() {
		if kind, ok := strings.CutPrefix(events.Text(), "event: "); ok && (kind == "join" || kind == "leave") {
			told = append(told, kind)
		}
	}
	posted := w.query("SELECT kind FROM outbox ORDER BY id")
	if !slices.Equal(told, want) || !slices.Equal(posted, want) {
		w.Errorf("the stream told %v, and the outbox has %v; want %v", told, posted, want)
	}
}
