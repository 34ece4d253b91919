package actors_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/actors/actortest"
)

// look is more than the registry takes to see that something is due: its tick.
const look = 100 * time.Millisecond

// Whoever was on a dead node is listed for as long as its lease runs, as promised,
// and not until another node happens to sweep.
func TestDeadNodeIsSweptWhenItsLeaseRunsOut(t *testing.T) {
	for lease := actortest.Lease / 3; lease < 2*actortest.Lease; lease += 1700 * time.Millisecond {
		actortest.Run(t, func(k *actortest.Kit) {
			k.Settle()
			died := time.Now()
			k.Store.DeadNode("alice@example.com", lease)
			time.Sleep(lease - time.Millisecond)
			if n := len(k.Store.Rows()); n != 1 {
				t.Fatalf("%d rows are there while the lease of %s runs, want 1", n, lease)
			}
			time.Sleep(time.Until(died.Add(lease + look)))
			synctest.Wait()
			if n := len(k.Store.Rows()); n != 0 {
				t.Errorf("%d rows are left %s after a death with a lease of %s", n, time.Since(died), lease)
			}
		})
	}
}

// A lease that is over and cannot be swept, because somebody holds the row, must
// not become a storm of sweeps.
func TestSweepsKeepTheirPause(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Settle()
		k.Store.HoldDeadNode()
		time.Sleep(actortest.Lease)
		before := k.Seen(actors.RoleSweeper, &actors.Sweep{})
		time.Sleep(9 * time.Second)
		if n := k.Seen(actors.RoleSweeper, &actors.Sweep{}) - before; n < 20 || n > 36 {
			t.Errorf("%d sweeps in nine seconds, want one in 250 to 350 ms", n)
		}
	})
}

// An operator must hear that sweeps fail, and not a hundred times; whoever died
// meanwhile goes as soon as they do not.
func TestFailedSweepIsToldOnceAndTriedAgain(t *testing.T) {
	log := &journal{}
	actortest.Run(t, func(k *actortest.Kit) {
		k.Settle()
		k.Store.SweepTrouble(errors.New("fault: no sweep"))
		k.Store.DeadNode("alice@example.com", time.Second)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := k.Seen(actors.RoleSweeper, &actors.Sweep{}); n > 75 {
			t.Errorf("%d sweeps in a minute that all fail: they do not back off", n)
		}
		k.Store.SweepTrouble(nil)
		time.Sleep(3 * time.Second) // two is the longest pause
		synctest.Wait()
		k.WantOnline()
		k.Store.SweepTrouble(errors.New("fault: no sweep again"))
		time.Sleep(actortest.Lease)
		k.Settle()
		if n := log.count("level=WARN", "sweep failed"); n != 2 {
			t.Errorf("two troubles were told %d times", n)
		}
		if n := log.count("level=INFO", "swept the sessions of dead nodes", "sessions=1"); n != 1 {
			t.Errorf("the sweep was told %d times, want once", n)
		}
	}, journaled(log))
}

// The eleventh crash would be the end of the server: a sweeper that crashes once
// in a while must go on with its work.
func TestFaultCrashedSweeperSweepsAgain(t *testing.T) {
	for how, when := range map[actortest.How]string{actortest.PanicBefore: "before", actortest.PanicAfter: "after", actortest.Lose: "lost"} {
		t.Run(when, func(t *testing.T) {
			actortest.Run(t, func(k *actortest.Kit) {
				k.Settle()
				k.Fault(actors.RoleSweeper, &actors.Sweep{}, how, 1)
				k.Store.DeadNode("alice@example.com", time.Second)
				time.Sleep(actortest.Lease)
				synctest.Wait()
				k.WantOnline()
				k.Connect("bob@example.com").WantOpen()
			})
		})
	}
}

// A sweep that hangs, because a table is locked, must hold up nobody.
func TestFaultStuckSweeperHoldsUpNobody(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Fault(actors.RoleSweeper, &actors.Sweep{}, actortest.Block, 1)
		k.Settle()
		for range 5 {
			k.Connect("alice@example.com").WantOpen()
			time.Sleep(actortest.Lease / 3)
		}
		k.WantOnline("alice@example.com")
		if n := k.Seen(actors.RoleSweeper, &actors.Sweep{}); n > 7 {
			t.Errorf("%d sweeps piled up", n)
		}
	})
}

// A crash may swallow the word when the next lease runs out. It must be asked for
// again, or whoever is on a dead node would be listed until the next sweep is due.
func TestFaultRegistryThatCrashesOnASweepAsksForAnother(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Settle()
		k.Fault(actors.RoleRegistry, &actors.Swept{}, actortest.PanicBefore, 1)
		lease := actortest.Lease/3 + time.Second
		k.Store.DeadNode("alice@example.com", lease)
		time.Sleep(lease + look)
		synctest.Wait()
		k.WantOnline()
	})
}
