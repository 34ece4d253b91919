package actors_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/actors/actortest"
)

const (
	// promised is by when everything is true again after a crash.
	promised = time.Second
	// reconciled is by when it is after a message that nobody misses, or that
	// comes late, twice or in another order: the reconcile period, and what is
	// written then.
	reconciled = 5*time.Second + promised
)

// scene is how a message comes to be sent, beyond what happens in every scene.
type scene struct {
	role    actors.Role // of the actor that it is sent to
	example any
	before  func(*actortest.Kit) // everything else
	after   func(*actortest.Kit)
	ends    []rollcall.Email // whose socket may end over it
}

// scenes are for all messages of messages.go, and for those of the library that
// the registry lives by.
var scenes = map[string]scene{
	"Connect":   {role: actors.RoleRegistry, example: &actors.Connect{}, ends: []rollcall.Email{"carol@example.com"}},
	"Abandon":   {role: actors.RoleRegistry, example: &actors.Abandon{}, after: somebodyGivesUp},
	"Commit":    {role: actors.RoleWriter, example: &actors.Commit{}},
	"Committed": {role: actors.RoleRegistry, example: &actors.Committed{}},
	"CommitFailed": {role: actors.RoleRegistry, example: &actors.CommitFailed{}, before: func(k *actortest.Kit) {
		k.Store.Trouble(once(actortest.FailAfter))
	}},
	"Sweep":    {role: actors.RoleSweeper, example: &actors.Sweep{}, after: aLeaseRunsOut},
	"Swept":    {role: actors.RoleRegistry, example: &actors.Swept{}, after: aLeaseRunsOut},
	"Received": {role: actors.RoleSession, example: &actors.Received{}, ends: []rollcall.Email{"alice@example.com"}},
	"End": {role: actors.RoleSession, example: &actors.End{}, after: func(k *actortest.Kit) {
		k.ConnectLater("dora@example.com") // whose older session must go, under policy newest
	}, ends: []rollcall.Email{"dora@example.com"}},
	"Find": {role: actors.RoleRegistry, example: &actors.Find{}, after: func(k *actortest.Kit) {
		k.WantFound("dora@example.com")
	}},
	"Reach": {role: actors.RoleRegistry, example: &actors.Reach{}, after: func(k *actortest.Kit) {
		if took, err := k.Presence.Push(k.Context(), []rollcall.Email{"dora@example.com"}, false, []byte(`{}`)); took != 1 || err != nil {
			k.Errorf("%d took the frame, want 1: %v", took, err)
		}
	}},
	"Kick": {role: actors.RoleRegistry, example: &actors.Kick{}, after: func(k *actortest.Kit) {
		if n, err := k.Presence.Disconnect(k.Context(), "dora@example.com", rollcall.CloseDisconnected); n != 1 || err != nil {
			k.Errorf("%d were told to go, want 1: %v", n, err)
		}
	}, ends: []rollcall.Email{"dora@example.com"}},
	"Gone": {role: actors.RoleSession, example: &actors.Gone{}},
	"Ask":  {role: actors.RoleRegistry, example: &actors.Ask{}},
	"Watch": {role: actors.RoleRegistry, example: &actors.Watch{}, after: func(k *actortest.Kit) {
		k.Watch().WantAgreement()
	}},
	"Examine": {role: actors.RoleRegistry, example: &actors.Examine{}},
	"Drain": {role: actors.RoleRegistry, example: &actors.Drain{}, after: func(k *actortest.Kit) {
		if err := k.Presence.Drain(k.Context(), rollcall.CloseGoingAway); err != nil {
			k.Error(err)
		}
		k.WantOnline()
	}, ends: []rollcall.Email{"alice@example.com", "carol@example.com", "dora@example.com"}},
	"tick": {role: actors.RoleRegistry, example: actors.TickExample},
	"resumed": {role: actors.RoleRegistry, example: actors.ResumedExample, before: func(k *actortest.Kit) {
		k.Fault(actors.RoleRegistry, &actors.Ask{}, actortest.PanicAfter, 1)
	}},
	"Terminated": {role: actors.RoleRegistry, example: &actor.Terminated{}},
}

// The registry's crash closes no socket, and no crash ends more than its own
// session: whatever the message was, and whether it had been handled, everything
// is true again within a second.
func TestFaultCrashInAnyMessageIsMadeGoodInASecond(t *testing.T) {
	for name, s := range scenes {
		for how, when := range map[actortest.How]string{actortest.PanicBefore: "before", actortest.PanicAfter: "after"} {
			t.Run(when+" "+name, func(t *testing.T) {
				s.play(t, how, promised)
			})
		}
	}
}

// A message that is lost, or comes twice, late or behind others, is missed by
// nobody: the registry finds out by itself, a reconcile period later.
func TestFaultWrongDeliveryOfAnyMessageIsMadeGoodInAPeriod(t *testing.T) {
	for name, s := range scenes {
		for how, what := range map[actortest.How]string{actortest.Lose: "loss", actortest.Double: "doubling", actortest.Late: "delay"} {
			t.Run(what+" of "+name, func(t *testing.T) {
				s.play(t, how, reconciled)
			})
		}
	}
}

// A new message that nobody thinks of here would be one whose loss nobody has seen.
func TestEveryMessageHasItsScene(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "messages.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Terminated"}
	for _, declared := range file.Decls {
		if types, ok := declared.(*ast.GenDecl); ok && types.Tok == token.TYPE {
			for _, one := range types.Specs {
				want = append(want, one.(*ast.TypeSpec).Name.Name)
			}
		}
	}
	doors := []string{"Answer", "View"} // which no actor is sent
	want = slices.DeleteFunc(want, func(name string) bool { return slices.Contains(doors, name) })
	slices.Sort(want)
	if have := slices.Sorted(maps.Keys(scenes)); !slices.Equal(have, want) {
		t.Errorf("there are scenes for %v, and messages.go has %v", have, want)
	}
}

// play lets one message go wrong while somebody comes, somebody talks and
// somebody goes.
func (s scene) play(t *testing.T, how actortest.How, within time.Duration) {
	t.Helper()
	actortest.Run(t, func(k *actortest.Kit) {
		alice, bob, dora := k.Connect("alice@example.com"), k.Connect("bob@example.com"), k.Connect("dora@example.com")
		k.Settle()
		watcher := k.Watch()
		seen := k.Seen(s.role, s.example)
		k.Fault(s.role, s.example, how, 1)
		if s.before != nil {
			s.before(k)
		}
		carol := k.ConnectLater("carol@example.com")
		alice.Say(`{}`)
		k.Snapshot()
		k.Examine()
		bob.Leave()
		if s.after != nil {
			s.after(k)
		}
		time.Sleep(within)
		synctest.Wait()
		k.WantAgreement()
		if k.Seen(s.role, s.example) == seen {
			k.Errorf("no %T was sent, and so none went wrong", s.example)
		}
		for _, c := range []*actortest.Client{alice, carol, dora} {
			switch _, ended := c.Ended(); {
			case slices.Contains(s.ends, c.Email):
			case c == carol && how == actortest.Lose && ended: // her commit was not missed in time
				c.WantLate()
			default:
				c.WantOpen()
			}
		}
		if _, ended := alice.Ended(); !ended {
			goesOn(k, alice)
		}
		if watcher.WantAgreement(); watcher.Fell > 0 {
			k.Errorf("the watcher fell behind %d times", watcher.Fell)
		}
	}, actortest.Policy(rollcall.PolicyNewest))
}

// goesOn checks that whoever is here may talk, and whoever comes is admitted.
func goesOn(k *actortest.Kit, alice *actortest.Client) {
	k.Helper()
	at := time.Now().UTC()
	alice.Say(`{}`)
	k.Connect("bob@example.com").WantOpen()
	time.Sleep(promised)
	synctest.Wait()
	k.WantAgreement()
	if last := k.Snapshot()["alice@example.com"].LastActivity; !last.Equal(at) {
		k.Errorf("alice was active at %v, and the entry says %v", at, last)
	}
}

// somebodyGivesUp is a client whose patience ends in the middle of its commit.
func somebodyGivesUp(k *actortest.Kit) {
	synctest.Wait() // until the commit of those before is over
	k.Store.Delay(300 * time.Millisecond)
	k.ConnectFor(100*time.Millisecond, "bob@example.com")
	time.Sleep(200 * time.Millisecond)
	k.Store.Delay(0)
}

// aLeaseRunsOut is a node that dies, and the sweep that should see it.
func aLeaseRunsOut(k *actortest.Kit) {
	k.Store.DeadNode("bob@example.com", time.Second)
	time.Sleep(actortest.Lease/3 + look)
}

// once is a trouble for the next commit alone.
func once(trouble actortest.Trouble) func(rollcall.Batch) actortest.Trouble {
	return func(rollcall.Batch) actortest.Trouble {
		defer func() { trouble = actortest.None }()
		return trouble
	}
}
