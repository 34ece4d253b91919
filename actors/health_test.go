package actors_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/actors/actortest"
)

// A load balancer sends clients to whoever says it is ready: a node that cannot
// commit must not, and one that can again must at once.
func TestHealthFollowsTheDatabase(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Connect("alice@example.com")
		wantObstacle(k, "")
		k.Store.Trouble(actortest.Always(actortest.FailBefore))
		k.ConnectLater("bob@example.com")
		k.Settle()
		wantObstacle(k, rollcall.ObstacleAway)
		if n := k.Examine().Sessions; n != 1 {
			t.Errorf("alice alone is in, and there are %d sessions", n)
		}
		k.Store.Trouble(nil)
		k.Settle()
		wantObstacle(k, "")
		if h := k.Examine(); h.Sessions != 1 || h.Lease != actortest.Lease || time.Since(h.Committed) > h.Lease {
			t.Errorf("alice alone is here and the last commit was lately, but health is %+v", h)
		}
	})
}

// Before its first commit a node has shown nothing.
func TestHealthWaitsForTheFirstCommit(t *testing.T) {
	hangs := func(c *actors.Config) { c.Store.(*actortest.Store).Trouble(actortest.Always(actortest.Hang)) }
	actortest.Run(t, func(k *actortest.Kit) {
		wantObstacle(k, rollcall.ObstacleStarting)
		k.Store.Trouble(nil)
		k.Settle()
		wantObstacle(k, "")
	}, hangs)
}

// A commit that only hangs has not failed yet, but over it the lease may run
// out, and with it the rows.
func TestHealthMissesACommitThatHangs(t *testing.T) {
	brief := func(c *actors.Config) { c.Lease = time.Second }
	actortest.Run(t, func(k *actortest.Kit) {
		time.Sleep(time.Second)
		wantObstacle(k, "")
		k.Store.Trouble(actortest.Always(actortest.Hang))
		time.Sleep(2 * time.Second)
		wantObstacle(k, rollcall.ObstacleOverdue)
	}, brief)
}

// A registry that is stuck is no reason for the question to hang as well.
func TestHealthOfAStuckRegistryIsAnswered(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Fault(actors.RoleRegistry, actors.TickExample, actortest.Block, 1)
		time.Sleep(time.Second)
		wantObstacle(k, rollcall.ObstacleSilent)
		time.Sleep(actortest.BlockTime)
		k.Settle()
		wantObstacle(k, "")
	})
}

// The database may have renewed the lease as soon as it had the commit: what is
// left of it must not be counted from the answer, which may be seconds late.
func TestHealthCountsTheLeaseFromTheBeginningOfACommit(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Settle()
		k.Store.Delay(3 * time.Second)
		began := time.Now()
		k.ConnectLater("alice@example.com")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if h := k.Examine(); !h.Committed.Equal(began) {
			t.Errorf("the commit counts from %s after it was begun", h.Committed.Sub(began))
		}
	})
}

// An answer that comes late tells how the database was, and not how it is.
func TestHealthTakesNoLateAnswerForACommit(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Settle()
		k.Store.Trouble(actortest.Always(actortest.Hang))
		k.ConnectLater("alice@example.com")
		k.Settle()
		wantObstacle(k, rollcall.ObstacleAway)
		actors.TellRegistry(k.Presence, &actors.Committed{Number: 1})
		wantObstacle(k, rollcall.ObstacleAway)
	})
}

// Whoever is about to end admits nobody, and says so.
func TestHealthTellsTheEnd(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		if err := k.Presence.Drain(k.Context(), rollcall.CloseGoingAway); err != nil {
			t.Fatal(err)
		}
		wantObstacle(k, rollcall.ObstacleDraining)
		k.Store.Trouble(actortest.Always(actortest.Superseded))
		<-k.Presence.Done()
		wantObstacle(k, rollcall.ObstacleFailed)
	})
}

func wantObstacle(k *actortest.Kit, want rollcall.Obstacle) {
	k.Helper()
	if got := k.Examine().Obstacle; got != want {
		k.Errorf("the obstacle is %q, want %q", got, want)
	}
}
