// Package actortest runs the actors against a database and clients in memory,
// in fake time, and switches faults on. A test of a fault takes ten lines:
//
//	actortest.Run(t, func(k *actortest.Kit) {
//		alice := k.Connect("alice@example.com")
//		k.Fault(actors.RoleSession, &actors.Received{}, actortest.PanicBefore, 1)
//		alice.Say(`{"message": "boom"}`)
//		k.Settle()
//		alice.WantEnd(rollcall.CloseInternalError)
//		k.WantOnline()
//	})
package actortest

import (
	"context"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/actors"
)

const (
	// Lease is the lease of the kit's node.
	Lease = 15 * time.Second
	// ConnectTimeout is how long the kit's clients wait to be admitted.
	ConnectTimeout = 5 * time.Second
	// settleTime is longer than any pause that the actors make on their own,
	// but for a commit that hangs.
	settleTime = 7 * time.Second
)

// Kit is a running presence and what surrounds it.
type Kit struct {
	*testing.T
	Presence *actors.Presence
	Store    *Store
	faults   *faults
	clients  []*Client
}

// Option changes how presence is started.
type Option func(*actors.Config)

// Policy sets the policy for a user who connects again.
func Policy(p rollcall.Policy) Option { return func(c *actors.Config) { c.Policy = p } }

// Run starts presence in a bubble of fake time, runs the test, and stops it.
// The users alice, bob, carol and dora@example.com exist.
func Run(t *testing.T, test func(*Kit), options ...Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		k := &Kit{T: t, Store: NewStore("alice@example.com", "bob@example.com", "carol@example.com", "dora@example.com"), faults: &faults{seen: make(map[kind]int)}}
		cfg := actors.Config{
			Store:  k.Store,
			Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
			Policy: rollcall.PolicyMany,
			Lease:  Lease,
			Props:  k.faults.props(),
		}
		for _, o := range options {
			o(&cfg)
		}
		k.Presence = actors.Start(cfg)
		t.Cleanup(func() {
			k.stop()
			time.Sleep(settleTime) // the library's timers end
		})
		test(k)
	})
}

// stop ends presence. An actor that cannot be stopped any more, after all that the
// test has done to it, holds that up.
func (k *Kit) stop() {
	k.Helper()
	began := time.Now()
	k.Presence.Stop()
	if took := time.Since(began); took > 0 {
		k.Errorf("an actor could not be stopped for %s", took)
	}
}

// Fault makes the next n messages like the example, to actors of that role, go wrong.
func (k *Kit) Fault(role actors.Role, example any, how How, n int) {
	k.faults.add(role, example, how, n)
}

// Seen is how many messages like the example actors of that role were sent.
func (k *Kit) Seen(role actors.Role, example any) int {
	k.faults.mu.Lock()
	defer k.faults.mu.Unlock()
	return k.faults.seen[kind{role, reflect.TypeOf(example)}]
}

// Settle lets fake time pass until the actors have done all that they do by
// themselves.
func (k *Kit) Settle() {
	time.Sleep(settleTime)
	synctest.Wait()
}

// Connect opens a client and waits for its answer.
func (k *Kit) Connect(email rollcall.Email) *Client {
	c := k.ConnectLater(email)
	<-c.answered
	synctest.Wait()
	return c
}

// ConnectLater opens a client and does not wait.
func (k *Kit) ConnectLater(email rollcall.Email) *Client {
	return k.ConnectFor(ConnectTimeout, email)
}

// ConnectFor opens a client that gives up after a time, and does not wait.
func (k *Kit) ConnectFor(patience time.Duration, email rollcall.Email) *Client {
	c := &Client{kit: k, Email: email, patience: patience, began: time.Now(), answered: make(chan struct{})}
	k.clients = append(k.clients, c)
	go c.connect(k.Presence)
	return c
}

// Stranger is a client that the kit does not connect: the test does, past the door.
func (k *Kit) Stranger(email rollcall.Email) *Client {
	c := &Client{kit: k, Email: email}
	k.clients = append(k.clients, c)
	return c
}

// WantOnline checks that exactly these users are online, once each, wherever
// one can look: open sockets, the snapshot, the sessions and the rows.
func (k *Kit) WantOnline(emails ...rollcall.Email) {
	k.Helper()
	want := slices.Sorted(slices.Values(emails))
	snapshot := k.Snapshot()
	rows := k.Store.Rows()
	for what, have := range map[string][]rollcall.Email{
		"open sockets": k.open(),
		"snapshot":     slices.Sorted(maps.Keys(snapshot)),
		"sessions":     k.Store.Sessions(),
		"rows":         slices.Sorted(maps.Keys(rows)),
	} {
		if !slices.Equal(have, want) {
			k.Errorf("%s are %v, want %v", what, have, want)
		}
	}
	for email, entry := range snapshot {
		if row := rows[email]; row != entry {
			k.Errorf("the row is %+v, and the entry %+v", row, entry)
		}
	}
}

// WantAgreement checks that everybody whose socket is open is online wherever one
// can look, and nobody else.
func (k *Kit) WantAgreement() {
	k.Helper()
	k.WantOnline(k.open()...)
	sockets := 0
	for _, c := range k.clients {
		if _, ended := c.Ended(); !ended && len(c.Frames()) > 0 {
			sockets++
		}
	}
	if n := k.Store.SessionCount(); n != sockets {
		k.Errorf("%d sockets are open, and %d sessions are stored", sockets, n)
	}
}

// Snapshot asks who is online.
func (k *Kit) Snapshot() map[rollcall.Email]rollcall.Entry {
	k.Helper()
	ctx, cancel := context.WithTimeout(k.Context(), ConnectTimeout)
	defer cancel()
	s, err := k.Presence.Snapshot(ctx)
	if err != nil {
		k.Fatalf("no snapshot: %v", err)
	}
	entries := make(map[rollcall.Email]rollcall.Entry, s.Count)
	for e := range s.Entries {
		entries[e.Email] = e
	}
	if len(entries) != s.Count {
		k.Errorf("the snapshot counts %d and lists %d", s.Count, len(entries))
	}
	return entries
}

// WantFound checks that each of these users is found online, with the sessions of
// its open sockets.
func (k *Kit) WantFound(emails ...rollcall.Email) {
	k.Helper()
	ctx, cancel := context.WithTimeout(k.Context(), ConnectTimeout)
	defer cancel()
	states, err := k.Presence.Find(ctx, emails)
	if err != nil {
		k.Fatalf("nobody is found: %v", err)
	}
	snapshot := k.Snapshot()
	for i, email := range emails {
		sockets := 0
		for _, c := range k.clients {
			if _, ended := c.Ended(); !ended && c.Email == email && len(c.Frames()) > 0 {
				sockets++
			}
		}
		s := states[i]
		if s.Email != email || !s.Online || s.Entry != snapshot[email] || len(s.Sessions) != sockets {
			k.Errorf("the state of %s, who has %d sockets, is %+v", email, sockets, s)
		}
	}
}

// Examine asks whether somebody could be admitted.
func (k *Kit) Examine() rollcall.Health {
	ctx, cancel := context.WithTimeout(k.Context(), time.Second)
	defer cancel()
	return k.Presence.Health(ctx)
}

// open is the e-mails of the sockets that were greeted and are open.
func (k *Kit) open() []rollcall.Email {
	var emails []rollcall.Email
	for _, c := range k.clients {
		if _, ended := c.Ended(); !ended && len(c.Frames()) > 0 {
			emails = append(emails, c.Email)
		}
	}
	slices.Sort(emails)
	return slices.Compact(emails)
}
