package actors_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/actors/actortest"
)

// The promise of the greeting: who has read it is in the database.
func TestGreetedClientIsOnlineEverywhere(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		alice.WantOpen()
		k.WantOnline("alice@example.com")
		alice.Leave()
		synctest.Wait()
		k.WantOnline()
	})
}

// Only users may connect, and whoever may not leaves nothing behind.
func TestUnknownEmailIsRefusedAndLeavesNothing(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Connect("nobody@example.com").WantEnd(rollcall.CloseUnknownEmail)
		k.WantOnline()
	})
}

// The second fault of the seed: a closed tab must not take the user offline
// while another is open, nor move the time since when they are here.
func TestUserStaysOnlineUntilTheLastTabCloses(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		first := k.Connect("alice@example.com")
		since := k.Snapshot()["alice@example.com"].ConnectedAt
		time.Sleep(time.Minute)
		second := k.Connect("alice@example.com")
		first.Leave()
		k.Settle()
		k.WantOnline("alice@example.com")
		if now := k.Snapshot()["alice@example.com"].ConnectedAt; !now.Equal(since) {
			t.Errorf("connected_at moved from %v to %v while the user stayed", since, now)
		}
		second.Leave()
		k.Settle()
		k.WantOnline()
	})
}

func TestPolicyNewestClosesTheOlder(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		older := k.Connect("alice@example.com")
		newer := k.Connect("alice@example.com")
		k.Settle()
		older.WantEnd(rollcall.CloseReplaced)
		newer.WantOpen()
		k.WantOnline("alice@example.com")
		if n := k.Store.SessionCount(); n != 1 {
			t.Errorf("%d sessions are stored, want 1", n)
		}
	}, actortest.Policy(rollcall.PolicyNewest))
}

func TestPolicyOldestRefusesTheNewer(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		older := k.Connect("alice@example.com")
		k.Connect("alice@example.com").WantEnd(rollcall.CloseAlreadyConnected)
		older.WantOpen()
		older.Leave()
		k.Settle()
		k.Connect("alice@example.com").WantOpen()
	}, actortest.Policy(rollcall.PolicyOldest))
}

// A race must have exactly one winner under the two policies that keep one.
func TestRacingConnectsHaveOneWinner(t *testing.T) {
	for _, policy := range []rollcall.Policy{rollcall.PolicyNewest, rollcall.PolicyOldest} {
		t.Run(string(policy), func(t *testing.T) {
			actortest.Run(t, func(k *actortest.Kit) {
				var all []*actortest.Client
				for range 100 {
					all = append(all, k.ConnectLater("alice@example.com"))
				}
				k.Settle()
				open := 0
				for _, c := range all {
					if _, ended := c.Ended(); !ended {
						open++
						c.WantOpen()
					}
				}
				if open != 1 || k.Store.SessionCount() != 1 {
					t.Errorf("%d sockets are open and %d sessions stored, want 1 and 1", open, k.Store.SessionCount())
				}
				k.WantOnline("alice@example.com")
			}, actortest.Policy(policy))
		})
	}
}

// Under policy oldest the connects behind the first share its fate only if it
// was about their user: when it merely came too late, the next one is asked.
func TestConnectsBehindAnUnknownUserAreRefusedLikeIt(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		first, second := k.ConnectLater("nobody@example.com"), k.ConnectLater("nobody@example.com")
		k.Settle()
		first.WantEnd(rollcall.CloseUnknownEmail)
		second.WantEnd(rollcall.CloseUnknownEmail)
		k.WantOnline()
	}, actortest.Policy(rollcall.PolicyOldest))
}

// Every frame moves the activity: in the snapshot before its reply, in the
// database within a second, and never connected_at.
func TestFrameMovesLastActivity(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		before := k.Snapshot()["alice@example.com"]
		for _, frame := range []string{`{"message": "hi"}`, `not JSON`} {
			time.Sleep(10 * time.Second)
			at := time.Now().UTC()
			alice.Say(frame)
			synctest.Wait()
			now := k.Snapshot()["alice@example.com"]
			if !now.LastActivity.Equal(at) || !now.ConnectedAt.Equal(before.ConnectedAt) {
				t.Errorf("after %q at %v the entry is %+v", frame, at, now)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if row := k.Store.Rows()["alice@example.com"]; row != now {
				t.Errorf("a second later the row is %+v, want %+v", row, now)
			}
		}
		frames := alice.Frames()
		if len(frames) != 3 || frames[1] != `{"type": "message", "message": "Server received: hi", "from": "alice@example.com"}` ||
			frames[2] != `{"type": "error", "message": "Invalid JSON format"}` {
			t.Errorf("the client read %q", frames)
		}
	})
}

// A burst of frames must not become a burst of writes.
func TestBurstOfFramesIsOneTouch(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		k.Settle()
		before := len(k.Store.Commits())
		for range 1000 {
			alice.Say(`{}`)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		touches := 0
		for _, b := range k.Store.Commits()[before:] {
			touches += len(b.Touches)
		}
		if touches != 1 {
			t.Errorf("1000 frames became %d touches, want 1", touches)
		}
	})
}

// What piles up while a commit is in flight is one batch: that is the group commit.
func TestConnectsThatWaitAreCommittedTogether(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Store.Delay(10 * time.Millisecond)
		for i := range 200 {
			k.ConnectLater([]rollcall.Email{"alice@example.com", "bob@example.com"}[i%2])
		}
		k.Settle()
		k.WantOnline("alice@example.com", "bob@example.com")
		largest := 0
		for _, b := range k.Store.Commits() {
			largest = max(largest, len(b.Inserts))
		}
		if largest < 2 {
			t.Errorf("the largest batch had %d inserts", largest)
		}
	})
}

// A snapshot is what it was when it was taken, whatever happens meanwhile.
func TestSnapshotDoesNotChange(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Connect("bob@example.com")
		time.Sleep(time.Second)
		alice := k.Connect("alice@example.com")
		s, err := k.Presence.Snapshot(k.Context())
		if err != nil {
			t.Fatal(err)
		}
		alice.Leave()
		synctest.Wait()
		var emails []rollcall.Email
		for e := range s.Entries {
			emails = append(emails, e.Email)
		}
		if !slices.Equal(emails, []rollcall.Email{"bob@example.com", "alice@example.com"}) {
			t.Errorf("the snapshot lists %v, want bob before alice, as they came", emails)
		}
	})
}

// A server that ends takes its rows with it.
func TestDrainClosesEverySocketAndRemovesEveryRow(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		clients := []*actortest.Client{k.Connect("alice@example.com"), k.Connect("alice@example.com"), k.Connect("bob@example.com")}
		ctx, cancel := context.WithTimeout(k.Context(), 10*time.Second)
		defer cancel()
		if err := k.Presence.Drain(ctx, rollcall.CloseGoingAway); err != nil {
			t.Fatal(err)
		}
		for _, c := range clients {
			c.WantEnd(rollcall.CloseGoingAway)
		}
		k.WantOnline()
		k.Connect("carol@example.com").WantEnd(rollcall.CloseGoingAway)
	})
}

// With the database away a drain must end all the same, and say what it left.
func TestDrainWithoutDatabaseSaysThatRowsAreLeft(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		k.Store.Trouble(actortest.Always(actortest.FailBefore))
		ctx, cancel := context.WithTimeout(k.Context(), 8*time.Second)
		defer cancel()
		if err := k.Presence.Drain(ctx, rollcall.CloseGoingAway); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the drain ended with %v, want its deadline", err)
		}
		alice.WantEnd(rollcall.CloseGoingAway)
	})
}

// A server whose name was taken must not go on next to its successor.
func TestSupersededServerClosesItsSocketsAndFails(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		k.Store.Trouble(actortest.Always(actortest.Superseded))
		<-k.Presence.Done()
		synctest.Wait()
		alice.WantEnd(rollcall.CloseRestarting)
		if err := k.Presence.Err(); !errors.Is(err, rollcall.ErrSuperseded) {
			t.Errorf("the error is %v", err)
		}
	})
}

// The lease must be renewed while nothing happens, or a quiet server would be
// swept.
func TestQuietServerRenewsItsLease(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		before := len(k.Store.Commits())
		time.Sleep(10 * actortest.Lease)
		if renewals := len(k.Store.Commits()) - before; renewals < 20 || renewals > 40 {
			t.Errorf("%d renewals in ten leases, want about 30", renewals)
		}
	})
}

// A node that was only paused, and taken for dead, writes its sessions again.
func TestSweptNodeWritesItsSessionsAgain(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Connect("alice@example.com")
		bob := k.Connect("bob@example.com")
		k.Store.SweptByAnother()
		bob.Leave()
		k.Settle()
		k.WantOnline("alice@example.com")
	})
}

// Letting e-mails differ in case must not make two of one user.
func TestFoldedSpellingsAreOneUser(t *testing.T) {
	fold := func(c *actors.Config) { c.FoldCase = true }
	actortest.Run(t, func(k *actortest.Kit) {
		k.Connect("alice@example.com")
		k.Connect("alice@example.com")
		if n := len(k.Snapshot()); n != 1 {
			t.Errorf("%d users are online, want 1", n)
		}
	}, fold)
}

// Everything above at once and often: whatever the order, the lists agree.
func TestManyClientsComeAndGo(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		emails := []rollcall.Email{"alice@example.com", "bob@example.com", "carol@example.com"}
		var clients []*actortest.Client
		for i := range 300 {
			clients = append(clients, k.ConnectLater(emails[i%3]))
			if i%7 == 0 {
				clients[i/2].Leave()
			}
		}
		k.Settle()
		k.WantOnline(emails...)
		for i, c := range clients {
			if i%3 != 1 {
				c.Leave()
			}
		}
		k.Settle()
		k.WantOnline("bob@example.com")
	})
}
