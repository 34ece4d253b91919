package main

import (
	"testing"

	"github.com/rollcall/rollcall"
)

// The checker is believed when it says that nothing was wrong. So each thing
// that may be wrong is planted in a small record, and must be found; and so is
// what looks wrong and is not.

// A run in which everything is right must not be blamed, or nobody will look
// at the checker's next alarm.
func TestTrueListsAreNotBlamed(t *testing.T) {
	p := newPlant()
	p.socket(1, "one", 1000*ms, 9000*ms)
	p.socket(2, "two", 500*ms, plantEnd)
	p.socket(1, "two", 8000*ms, 20_000*ms) // a second tab
	p.lists(nil)
	p.wantNone(t)
}

// The first fault of the seed: somebody is listed who has left.
func TestGhostIsFound(t *testing.T) {
	for _, in := range []source{{list, "one"}, {rows, ""}, {sessions, "one"}} {
		p := newPlant()
		p.socket(1, "one", 1000*ms, 9000*ms)
		p.lists(func(o *observation) {
			if o.source == in && o.asked >= 1000*ms && o.asked < 10_300*ms {
				o.listed.add(1)
			}
		})
		p.want(t, "user1@example.com: ghost in the "+in.String()+" from 9s to 10.2s")
	}
}

// Nobody may be listed who never came, not even for a moment that is long ago.
func TestStrangerIsFound(t *testing.T) {
	p := newPlant()
	p.lists(func(o *observation) {
		if o.source == (source{list, "two"}) && o.asked > 5000*ms {
			o.listed.add(3)
		}
	})
	p.want(t, "user3@example.com: ghost in the list of two")
}

// A client that stays must stay listed.
func TestMissingClientIsFound(t *testing.T) {
	for _, in := range []source{{list, "one"}, {rows, ""}, {sessions, "one"}} {
		p := newPlant()
		p.socket(1, "one", 1000*ms, plantEnd)
		p.lists(func(o *observation) {
			if o.source == in && o.asked >= 5000*ms && o.asked < 7000*ms {
				o.listed = nil
			}
		})
		p.want(t, "user1@example.com: missing in the "+in.String()+" from 5s to 6.8s")
	}
}

// Late is not never, but it is late: the bound counts from the greeting.
func TestLateClientIsFound(t *testing.T) {
	for late, found := range map[moment]bool{900 * ms: false, 1500 * ms: true} {
		p := newPlant()
		p.socket(1, "one", 1000*ms, plantEnd)
		p.lists(func(o *observation) {
			if o.asked < 1000*ms+late {
				o.listed = nil
			}
		})
		if found {
			p.want(t, "user1@example.com: missing in the list of one from 1s", "user1@example.com: missing in the rows", "sessions of one")
		} else {
			p.wantNone(t)
		}
	}
}

// A client that comes and goes all the time, and is gone from the list a little
// late each time, may look listed all the time. Each time counts for itself.
func TestManyShortDelaysAreNoLongOne(t *testing.T) {
	p := newPlant()
	for at := 1000 * ms; at < 20_000*ms; at += 2 * plantEvery {
		p.socket(1, "one", at+50*ms, at+100*ms)
	}
	p.lists(func(o *observation) {
		if o.node != "two" && o.asked > 1000*ms && o.asked < 20_000*ms {
			o.listed.add(1)
		}
	})
	p.wantNone(t)
}

// A user who is gone from one server and still on another must stay in the rows,
// and nowhere else.
func TestSecondTabOnAnotherServerCounts(t *testing.T) {
	p := newPlant()
	p.socket(1, "one", 1000*ms, 9000*ms)
	p.socket(1, "two", 1000*ms, plantEnd)
	p.lists(func(o *observation) {
		if o.asked > 9000*ms && o.kind == rows {
			o.listed = nil // as the seed did
		}
	})
	p.want(t, "user1@example.com: missing in the rows")
}

// A row that comes back after it was gone is a late write, and no late delete:
// it counts from when it was seen again.
func TestRowThatComesBackIsFound(t *testing.T) {
	p := newPlant()
	p.socket(1, "one", 1000*ms, 2000*ms)
	p.lists(func(o *observation) {
		if o.kind == rows && o.asked >= 15_000*ms && o.asked <= 17_000*ms {
			o.listed.add(1)
		}
	})
	p.want(t, "user1@example.com: ghost in the rows from 15s to 17s")
}

// While the database is away the tables may be late, until five seconds after
// its end, and not longer. A server's list has no such excuse.
func TestDatabaseFaultExcusesTheTablesAlone(t *testing.T) {
	until := func(last moment, in ...kind) *plant {
		p := newPlant()
		p.fault(fault{kind: databaseStopped, began: 5000 * ms, ended: 10_000 * ms})
		p.socket(1, "one", 1000*ms, 6000*ms)
		p.lists(func(o *observation) {
			for _, k := range in {
				if o.kind == k && o.node != "two" && o.asked >= 1000*ms && o.asked <= last {
					o.listed.add(1)
				}
			}
		})
		return p
	}
	until(14_000*ms, rows, sessions).wantNone(t)
	until(16_000*ms, rows).want(t, "user1@example.com: ghost in the rows from 6s to 16s, which had to be right by 15s")
	until(8000*ms, list).want(t, "user1@example.com: ghost in the list of one")
}

// What goes wrong well after a fault has nothing to do with it.
func TestOldFaultIsNoExcuse(t *testing.T) {
	p := newPlant()
	p.fault(fault{kind: databaseStopped, began: 5000 * ms, ended: 6000 * ms})
	p.fault(fault{kind: killedOtherName, node: "two", began: 15_000 * ms, ended: 15_000 * ms})
	p.socket(1, "one", 1000*ms, 16_000*ms)
	p.lists(func(o *observation) {
		if o.kind == sessions && o.node == "one" && o.asked >= 1000*ms && o.asked <= 17_500*ms {
			o.listed.add(1)
		}
	})
	p.want(t, "user1@example.com: ghost in the sessions of one")
}

// Rows of a dead server go with its lease, and a second; under its own name
// the successor sweeps before it serves.
func TestDeathOfAServerHasItsOwnBound(t *testing.T) {
	dead := func(k faultKind, served, last moment) *plant {
		p := newPlant()
		p.fault(fault{kind: k, node: "one", began: 5000 * ms, ended: served})
		p.socket(1, "one", 1000*ms, 5000*ms)
		p.lists(func(o *observation) {
			if o.kind != list && o.node != "two" && o.asked >= 1000*ms && o.asked <= last {
				o.listed.add(1)
			}
		})
		return p
	}
	dead(killedOtherName, 5000*ms, 8000*ms).wantNone(t)
	dead(killedOtherName, 5000*ms, 8200*ms).want(t, "ghost in the rows", "ghost in the sessions of one")
	dead(killedSameName, 5400*ms, 5400*ms).wantNone(t)
	dead(killedSameName, 5400*ms, 5600*ms).want(t, "ghost in the sessions of one from 5s to 5.6s, which had to be right by 5.4s")
	for _, told := range []faultKind{drained, drainedInStorm} {
		dead(told, 5100*ms, 14_800*ms).wantNone(t)
		dead(told, 5100*ms, 15_200*ms).want(t, "ghost in the rows", "ghost in the sessions of one")
	}
}

// To the others a frozen server is dead after its lease, though its sockets are
// open; when it goes on it has five seconds to write its sessions again.
func TestFrozenServerMustGoAndComeBack(t *testing.T) {
	frozen := func(gone, back moment) *plant {
		p := newPlant()
		p.fault(fault{kind: frozenServer, node: "one", began: 5000 * ms, ended: 12_000 * ms})
		p.socket(1, "one", 1000*ms, plantEnd)
		p.lists(func(o *observation) {
			if o.kind != list && o.asked >= gone && o.asked < back {
				o.listed = nil
			}
		})
		return p
	}
	frozen(8000*ms, 16_000*ms).wantNone(t)
	own := frozen(8000*ms, 16_000*ms) // its own list has no such excuse when it answers again
	for i, o := range own.record.seen {
		if o.source == (source{list, "one"}) && o.asked >= 11_000*ms && o.asked < 14_000*ms {
			own.record.seen[i].listed = nil
		}
	}
	own.want(t, "missing in the list of one from 11s to 13.8s, which had to be right by 13s")
	frozen(9000*ms, 16_000*ms).want(t, "one was frozen at 5s, and at 8.8s its sessions were still there")
	frozen(8000*ms, 18_000*ms).want(t, "missing in the rows", "missing in the sessions of one from 8s to 17.8s, which had to be right by 17s")
}

// Whoever is cut off must be given up, within what a ping and its answer take.
func TestHalfOpenClientMustGo(t *testing.T) {
	cut := func(last moment) *plant {
		p := newPlant()
		p.fault(fault{kind: halfOpen, users: newPeople(1), began: 5000 * ms, ended: 15_000 * ms})
		p.socket(1, "one", 1000*ms, 5000*ms)
		p.lists(func(o *observation) {
			if o.node != "two" && o.asked >= 1000*ms && o.asked <= last {
				o.listed.add(1)
			}
		})
		return p
	}
	cut(11_800 * ms).wantNone(t)
	cut(12_200*ms).want(t, "ghost in the list of one", "ghost in the rows", "ghost in the sessions of one")
}

// No fault of the database may touch a socket; the death of its server may, and
// one that is told to end says so.
func TestTouchedSocketIsFound(t *testing.T) {
	ended := func(k faultKind, node string, code int) *plant {
		p := newPlant()
		p.fault(fault{kind: k, node: node, began: 5000 * ms, ended: 6000 * ms})
		p.socket(1, "one", 1000*ms, 5500*ms)
		p.record.sockets[0].mine, p.record.sockets[0].code = false, code
		p.lists(nil)
		return p
	}
	ended(databaseStopped, "", rollcall.CloseInternalError.Code).want(t, "user1@example.com: its socket at one was ended with 1011 at 5.5s, and nothing was done")
	ended(killedOtherName, "two", 0).want(t, "user1@example.com: its socket at one was ended with 0")
	ended(killedOtherName, "one", 0).wantNone(t)
	ended(frozenServer, "one", 0).want(t, "user1@example.com: its socket at one was ended with 0")
	ended(drained, "one", rollcall.CloseGoingAway.Code).wantNone(t)
	ended(drained, "one", 0).want(t, "by a server that was told to end")
	ended(drainedInStorm, "one", 0).want(t, "by a server that was told to end")
}

// With the database away a user is told to come again, and never that there is
// no such user.
func TestWrongRefusalIsFound(t *testing.T) {
	refused := func(code int) *plant {
		p := newPlant()
		p.record.sockets = append(p.record.sockets, socket{user: 1, node: "one", dialed: 1000 * ms,
			greeted: never, leaving: 3000 * ms, left: 3000 * ms, code: code})
		p.lists(nil)
		return p
	}
	refused(rollcall.CloseTryAgainLater.Code).wantNone(t)
	refused(rollcall.CloseUnknownEmail.Code).want(t, "user1@example.com: refused by one with 4001")
}

// The list is answered from memory, whatever the database does.
func TestUnansweredListIsFound(t *testing.T) {
	silent := func(k faultKind, node string) *plant {
		p := newPlant()
		p.fault(fault{kind: k, node: node, began: 5000 * ms, ended: 9000 * ms})
		p.record.unanswered = []unanswered{{"one", 6000 * ms, 8000 * ms, "status 503"}}
		return p
	}
	silent(drained, "one").wantNone(t)
	silent(drained, "two").want(t, "one was asked at 6s who is here, and at 8s there was no answer: status 503")
	silent(databaseFrozen, "").want(t, "one was asked at 6s")
}

// What is seen to be impossible is wrong without any bound.
func TestSurpriseBreaksThePromise(t *testing.T) {
	p := newPlant()
	p.record.surprises = []string{"a server ended by itself"}
	p.want(t, "a server ended by itself")
}

// The report says the worst of what was kept too, or its table would be empty
// where all is well.
func TestWorstOfWhatWasKeptIsReported(t *testing.T) {
	p := newPlant()
	p.socket(1, "one", 1000*ms, 9000*ms)
	p.lists(func(o *observation) {
		if o.kind == list && o.node == "one" && o.asked >= 1000*ms && o.asked <= 9600*ms {
			o.listed.add(1)
		}
	})
	p.wantNone(t)
	if worst := check(p.record, planted).worst[excuse{}].late; worst != 600*ms {
		t.Errorf("the worst in health is %s, want 600ms", worst)
	}
}
