package actors_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/actors/actortest"
)

// From a join and its leave alone a client can tell who was here for how long, and
// how it ended.
func TestWatcherIsToldWhoComesAndHowTheyGo(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		bob := k.Connect("bob@example.com")
		w := k.Watch()
		came := time.Now().UTC()
		alice := k.Connect("alice@example.com")
		second := k.Connect("alice@example.com")
		time.Sleep(time.Minute)
		second.Leave()
		synctest.Wait()
		alice.Close(rollcall.CloseTimeout)
		synctest.Wait()
		bob.Leave()
		left := time.Now().UTC()
		w.WantAgreement()
		if len(w.Events) != 3 {
			t.Fatalf("there were %d events, want 3: %v", len(w.Events), w.Events)
		}
		join, leave := w.Events[0], w.Events[1]
		if join.Kind != rollcall.EventJoin || join.Entry.Email != "alice@example.com" || !join.At.Equal(came) {
			t.Errorf("the first event is %+v", join)
		}
		if leave.Kind != rollcall.EventLeave || !leave.Entry.ConnectedAt.Equal(came) || !leave.At.Equal(left) || leave.Cause != "timeout" {
			t.Errorf("the second event is %+v", leave)
		}
		if w.Events[2].Cause != "closed" || w.Events[2].Entry.Email != "bob@example.com" {
			t.Errorf("the third event is %+v", w.Events[2])
		}
	})
}

// A stream that was cut goes on behind the last event that was read; what this
// server cannot know of is an order to take a new snapshot.
func TestWhoComesAgainWithTheLastIDMissesNothing(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		w := k.Watch()
		alice := k.Connect("alice@example.com")
		w.Read()
		last := w.Events[0].ID
		k.Connect("bob@example.com")
		alice.Leave()
		time.Sleep(time.Second)
		again, err := k.Presence.Resume(k.Context(), last)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []rollcall.EventKind{rollcall.EventJoin, rollcall.EventLeave} {
			if events, err := again.Next(k.Context(), 1); err != nil || len(events) != 1 || events[0].Kind != want {
				t.Errorf("the next event is %v, %v; want a %s", events, err, want)
			}
		}
		life, _, _ := strings.Cut(last, "-")
		for _, id := range []string{"", "1", life, life + "-", life + "-9", life + "-x", "other-1", life + "-1-1"} {
			if _, err := k.Presence.Resume(k.Context(), id); !errors.Is(err, rollcall.ErrFellBehind) {
				t.Errorf("to go on from %q was answered %v", id, err)
			}
		}
	})
}

// Who is cut off before the first event has missed nothing either, and needs no second
// snapshot: it goes on from the instant of the one that it has.
func TestWhoComesAgainBeforeTheFirstEventGoesOnFromTheSnapshot(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Connect("alice@example.com")
		_, watch, err := k.Presence.Watch(k.Context())
		if err != nil {
			t.Fatal(err)
		}
		k.Connect("bob@example.com")
		time.Sleep(time.Second)
		again, err := k.Presence.Resume(k.Context(), watch.ID())
		if err != nil {
			t.Fatal(err)
		}
		if events, err := again.Next(k.Context(), 9); err != nil || len(events) != 1 || events[0].Entry.Email != "bob@example.com" || events[0].ID != again.ID() {
			t.Errorf("behind the snapshot there is %v, %v, and the place is %s", events, err, again.ID())
		}
	})
}

// Who talks all the time is one event a second, in the state of its moment: the cost
// of a frame must not depend on who watches.
func TestActivityIsOneEventASecond(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		w := k.Watch()
		for range 1000 {
			alice.Say(`{}`)
			time.Sleep(10 * time.Millisecond)
		}
		w.WantAgreement()
		if n := len(w.Events); n < 10 || n > 11 {
			t.Errorf("ten seconds of talk were %d events", n)
		}
		for _, e := range w.Events {
			if e.Kind != rollcall.EventActivity || !e.At.Equal(e.Entry.LastActivity) {
				t.Errorf("an event is %+v", e)
				break
			}
		}
	})
}

// Who has its reply is active for whoever begins to watch, as in any snapshot.
func TestWatchBeginsWithTheActivityOfThisInstant(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		time.Sleep(time.Millisecond)
		alice.Say(`{}`)
		synctest.Wait()
		if e := k.Watch().Entries["alice@example.com"]; !e.LastActivity.Equal(time.Now()) {
			t.Errorf("at %v the entry is %+v", time.Now().UTC(), e)
		}
	})
}

// A stream must end with what it reads from, and with whoever reads it.
func TestWaitingWatcherEndsWithPresenceOrItsContext(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		_, watch, err := k.Presence.Watch(k.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(k.Context(), time.Second)
		defer cancel()
		if _, err := watch.Next(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after its context a watcher was told %v", err)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := watch.Next(k.Context(), 1)
			ended <- err
		}()
		synctest.Wait()
		k.Store.Trouble(actortest.Always(actortest.Superseded)) // presence cannot go on
		time.Sleep(actortest.Lease)
		select {
		case err := <-ended:
			if err == nil {
				t.Error("a watcher reads on when presence has failed")
			}
		default:
			t.Error("a watcher still waits when presence has failed")
		}
	})
}

// A watcher reads a storm to its last event, although the registry crashes in the
// middle: each event once, or else it would be told to take a new snapshot.
func TestFaultRegistryCrashesUnderAWatcher(t *testing.T) {
	for name, example := range map[string]any{
		"Connect": &actors.Connect{}, "Committed": &actors.Committed{}, "tick": actors.TickExample,
	} {
		for how, when := range map[actortest.How]string{actortest.PanicBefore: "before", actortest.PanicAfter: "after"} {
			t.Run(when+" "+name, func(t *testing.T) {
				actortest.Run(t, func(k *actortest.Kit) {
					w := k.Watch()
					emails := []rollcall.Email{"alice@example.com", "bob@example.com", "carol@example.com", "dora@example.com"}
					for round := range 20 {
						c := k.Connect(emails[round%len(emails)])
						if round%5 == 0 {
							k.Fault(actors.RoleRegistry, example, how, 1)
						}
						if _, ended := c.Ended(); !ended {
							c.Say(`{}`)
							time.Sleep(150 * time.Millisecond)
							c.Leave()
						}
					}
					k.Connect("alice@example.com")
					k.Settle()
					if w.WantAgreement(); w.Fell > 0 {
						t.Errorf("the watcher fell behind %d times", w.Fell)
					}
					if len(w.Events) < 20 {
						t.Errorf("the watcher was told %d events", len(w.Events))
					}
				})
			})
		}
	}
}
