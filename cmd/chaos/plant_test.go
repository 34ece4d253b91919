package main

import (
	"strings"
	"testing"
	"time"
)

const (
	// ms is the unit of the planted records.
	ms = time.Millisecond
	// plantEvery is how often their lists are looked at.
	plantEvery = 200 * ms
	// plantEnd is when they end.
	plantEnd = 30_000 * ms
)

// planted is the promise that the records are held against: a lease of 2 s.
var planted = newPromise(2*time.Second, 2*time.Second, 3*time.Second, 0)

// plant is a record under construction, of the servers one and two.
type plant struct{ record record }

func newPlant() *plant { return new(plant) }

// socket adds one that its client ended, greeted and gone at these moments.
func (p *plant) socket(user int, node string, greeted, left moment) {
	p.record.sockets = append(p.record.sockets, socket{user: user, node: node,
		dialed: greeted - 10*ms, greeted: greeted, leaving: left - 10*ms, left: left, mine: true})
}

func (p *plant) fault(f fault) { p.record.faults = append(p.record.faults, f) }

// lists adds what was seen of each list: the truth, but for what change does to it.
func (p *plant) lists(change func(*observation)) {
	for at := moment(0); at < plantEnd; at += plantEvery {
		for _, from := range []source{{list, "one"}, {list, "two"}, {rows, ""}, {sessions, "one"}, {sessions, "two"}} {
			o := observation{source: from, asked: at, answered: at + ms}
			for _, s := range p.record.sockets {
				if from.covers(s.node) && s.perhaps(o.asked, o.answered) {
					o.listed.add(s.user)
				}
			}
			if change != nil {
				change(&o)
			}
			p.record.seen = append(p.record.seen, o)
		}
	}
}

func (p *plant) wantNone(t *testing.T) {
	t.Helper()
	for _, v := range check(p.record, planted).violations {
		t.Errorf("found %s", v)
	}
}

// want compares the violations, in any order, by a part of each.
func (p *plant) want(t *testing.T, parts ...string) {
	t.Helper()
	found := check(p.record, planted).violations
	if len(found) != len(parts) {
		t.Errorf("found %d violations, want %d: %q", len(found), len(parts), found)
	}
	for _, part := range parts {
		if !strings.Contains(strings.Join(found, "\n"), part) {
			t.Errorf("%q was not found, but %q", part, found)
		}
	}
}
