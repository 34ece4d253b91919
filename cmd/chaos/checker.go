package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/rollcall/rollcall"
)

// verdict is what a run has shown.
type verdict struct {
	worst      map[excuse]extreme
	violations []string
}

// excuse is what a list may have been late for: a fault, or none.
type excuse struct {
	fault faultKind // empty: none, so that the promise of health counts
	table bool      // whether a table was late, or a server's list
}

// extreme is the latest of its kind.
type extreme struct {
	late time.Duration
	of   episode
}

// check holds a record against the promise.
func check(r record, p promise) verdict {
	v := verdict{worst: make(map[excuse]extreme)}
	sockets := make(map[int][]socket)
	for _, s := range r.sockets {
		sockets[s.user] = append(sockets[s.user], s)
	}
	slices.SortFunc(r.faults, func(a, b fault) int { return cmp.Compare(a.began, b.began) })
	for _, e := range episodes(r) {
		why, since, by := p.judge(e, r.faults, sockets[e.user])
		late := max(0, e.until-since)
		if late >= v.worst[why].late {
			v.worst[why] = extreme{late, e}
		}
		if e.until > after(by, p.slack) {
			v.violations = append(v.violations, fmt.Sprintf("%s: %s in the %s from %s to %s, which had to be right by %s (%s)",
				email(e.user), e.wrong, e.source, clock(e.since), clock(e.until), clock(by), p.words(why.fault)))
		}
	}
	v.violations = append(v.violations, p.stayedListed(r)...)
	v.violations = append(v.violations, touched(r, p)...)
	v.violations = append(v.violations, silent(r, p)...)
	v.violations = append(v.violations, p.disturbed(r)...)
	v.violations = append(v.violations, r.surprises...)
	return v
}

// judge finds by when an episode had to be over, and what for. A fault counts
// that was on when the list should have changed, or that came before it had to
// have: then its own bound does, if it is later.
func (p promise) judge(e episode, faults []fault, sockets []socket) (why excuse, since, by moment) {
	why, since, by = excuse{table: e.isTable()}, e.since, e.since+p.change
	healthy := e.until <= by
	for _, f := range faults {
		from, bound, ok := p.bound(f, e.source)
		if f.kind == killedSameName && e.source == (source{sessions, f.node}) && e.since <= f.ended {
			why.fault, since, by = f.kind, from, bound // stricter than in health
			continue
		}
		if !ok || f.began > by || bound <= by || !p.concerns(f, e, sockets) {
			continue
		}
		if healthy && e.since > f.ended {
			continue // the fault was over, and it needed no excuse
		}
		why.fault, since, by = f.kind, from, bound
	}
	return why, since, by
}

// concerns reports whether a fault can be why the list was wrong about the user.
// The fault of a server concerns whoever had a socket there when it struck, or
// so shortly before that the change may not have been written.
func (p promise) concerns(f fault, e episode, sockets []socket) bool {
	switch {
	case f.kind.ofDatabase():
		return true
	case f.kind == halfOpen:
		return f.users.has(e.user)
	case e.node != "":
		return e.node == f.node
	}
	return slices.ContainsFunc(sockets, func(s socket) bool {
		return s.node == f.node && s.dialed <= f.ended && f.began <= after(s.left, p.change)
	})
}

// stayedListed finds frozen servers whose sessions stayed in the table beyond
// the lease: to everybody else they are dead.
func (p promise) stayedListed(r record) (found []string) {
	for _, f := range r.faults {
		if last := lastListed(r, f); f.kind == frozenServer && last > f.began+p.death()+p.slack {
			found = append(found, fmt.Sprintf("%s was frozen at %s, and at %s its sessions were still there (%s)",
				f.node, clock(f.began), clock(last), p.words(killedOtherName)))
		}
	}
	return found
}

// lastListed is when a frozen server was last seen to have sessions before it
// went on.
func lastListed(r record, f fault) (last moment) {
	for _, o := range r.seen {
		if o.source == (source{sessions, f.node}) && o.asked > f.began && o.answered < f.ended && o.listed.count() > 0 {
			last = max(last, o.asked)
		}
	}
	return last
}

// touched finds sockets that ended though their clients stayed and their server
// lived, and those that were told something else than why they ended.
func touched(r record, p promise) (found []string) {
	for _, s := range r.sockets {
		if s.left == never || s.mine {
			continue
		}
		i := slices.IndexFunc(r.faults, func(f fault) bool {
			return f.kind == halfOpen && f.users.has(s.user) ||
				f.kind.endsSockets() && f.node == s.node && f.began <= s.left && s.dialed <= f.ended
		})
		switch {
		case i < 0 && s.greeted != never:
			found = append(found, fmt.Sprintf("%s: its socket at %s was ended with %d at %s, and nothing was done to its server",
				email(s.user), s.node, s.code, clock(s.left)))
		case i >= 0 && s.greeted != never && r.faults[i].kind.drains() && s.code != rollcall.CloseGoingAway.Code:
			found = append(found, fmt.Sprintf("%s: its socket at %s was ended with %d at %s, by a server that was told to end",
				email(s.user), s.node, s.code, clock(s.left)))
		case s.greeted == never && !mayRefuse(s.code):
			found = append(found, fmt.Sprintf("%s: refused by %s with %d at %s, though it is a user's", email(s.user), s.node, s.code, clock(s.left)))
		}
	}
	return found
}

// mayRefuse reports whether a user may be refused with a code when things go
// wrong: told to come again, or not told anything.
func mayRefuse(code int) bool {
	switch code {
	case 0, rollcall.CloseVanished.Code, rollcall.CloseTryAgainLater.Code, rollcall.CloseGoingAway.Code, rollcall.CloseRestarting.Code:
		return true
	}
	return false
}

// silent finds lists that were not answered by a server to which nothing was
// done. A fault of the database is no excuse.
func silent(r record, p promise) (found []string) {
	for _, u := range r.unanswered {
		excused := slices.ContainsFunc(r.faults, func(f fault) bool {
			return f.kind.ofServer() && f.node == u.node && f.on(u.asked-p.change, u.givenUp)
		})
		if !excused {
			found = append(found, fmt.Sprintf("%s was asked at %s who is here, and at %s there was no answer: %s",
				u.node, clock(u.asked), clock(u.givenUp), u.why))
		}
	}
	return found
}

// clock writes a moment for people.
func clock(m moment) string {
	if m == never {
		return "never"
	}
	return m.Round(time.Millisecond).String()
}
