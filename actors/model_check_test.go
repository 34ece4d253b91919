package actors

import (
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall/rollcall"
)

// carryOut is the registry: it checks that each connect gets one answer, not
// before its time, and that nobody is greeted without a row.
func (m *model) carryOut(t *rapid.T, o outcome) {
	answered := func(id rollcall.SessionID) {
		if _, ok := m.asked[id]; !ok {
			t.Fatalf("session %s was answered twice", id)
		}
		delete(m.asked, id)
	}
	for _, v := range o.refused {
		if deadline := m.asked[v.session]; v.close == rollcall.CloseTryAgainLater && m.now.Before(deadline) {
			t.Fatalf("a connect was told to come again %s before its deadline", deadline.Sub(m.now))
		}
		answered(v.session)
		if c, ok := m.database[v.session]; ok {
			m.marked[c.Email], m.refused[c.Email] = true, true
		}
	}
	if o.doubted > 0 && !m.removed {
		t.Fatalf("%d rows are doubted, and nobody has removed any", o.doubted)
	}
	for _, one := range o.admitted {
		answered(one.id)
		if _, ok := m.database[one.id]; !ok && !m.removed {
			t.Fatalf("%s is greeted, and has no row", one.connect.Email)
		}
		m.open[one.id] = one.connect.Email
		delete(m.away, one.connect.Email)
	}
	if o.doubted > 0 { // the others have seen them leave
		clear(m.away)
	}
	for _, v := range o.ended {
		if _, ok := m.open[v.session]; ok {
			m.goes(v.session, "closed", v.close == rollcall.CloseDisconnected)
		}
	}
}

// knowsWhoIsHere compares the list of those who are here with the members.
func (m *model) knowsWhoIsHere(t *rapid.T) {
	for i, one := range m.here {
		if one.place != i || one.phase != here || m.members[one.id] != one {
			t.Fatalf("%s has place %d of those who are here, and believes it has %d", one.id, i, one.place)
		}
	}
	present := 0
	for _, one := range m.members {
		if one.phase == here {
			present++
		}
	}
	if present != len(m.here) {
		t.Fatalf("%d of %d who are here are listed as such", len(m.here), present)
	}
}

// knowsWhoIsInLine looks at the activity that waits to be written: everybody's once,
// and nobody's forgotten whose row will not tell it.
func (m *model) knowsWhoIsInLine(t *rapid.T) {
	line := make(map[*member]bool)
	for _, one := range slices.Concat(m.touched, m.due) {
		if line[one] || !one.lined {
			t.Fatalf("%s is in line, and believes so: %v; and once more: %v", one.id, one.lined, line[one])
		}
		line[one] = true
	}
	for _, one := range m.members {
		if one.lined != line[one] || one.need() == touch && !one.flying && !line[one] {
			t.Fatalf("%s has activity: %v; is in line: %v; and believes so: %v", one.id, one.touched, line[one], one.lined)
		}
	}
}

// check is what always holds.
func (m *model) check(t *rapid.T) {
	m.knowsWhoIsHere(t)
	m.knowsWhoIsInLine(t)
	want := make(map[rollcall.Email]int)
	for _, email := range m.open {
		want[email]++
	}
	for email := range m.away {
		want[email] += 0
	}
	before := make(map[rollcall.Email]time.Time)
	for _, e := range m.listed {
		before[e.Email] = e.ConnectedAt
	}
	for _, email := range m.reads(t) {
		delete(before, email)
	}
	listed := make(map[rollcall.Email]bool)
	last := rollcall.Entry{}
	s := m.order.snapshot()
	for e := range s.Entries {
		if _, ok := want[e.Email]; !ok || listed[e.Email] || listedBefore(entryOf(e), entryOf(last)) {
			t.Fatalf("%s is listed wrongly: %d sockets", e.Email, want[e.Email])
		}
		if since, ok := before[e.Email]; ok && e.ConnectedAt.After(since) {
			t.Fatalf("%s stayed, and is here since %v and not %v", e.Email, e.ConnectedAt, since)
		}
		listed[e.Email], last = true, e
	}
	if len(listed) != len(want) || s.Count != len(want) {
		t.Fatalf("%d users have sockets or may come back, %d are listed, and the count is %d", len(want), len(listed), s.Count)
	}
	for email, sockets := range want {
		if m.policy != rollcall.PolicyMany && sockets > 1 {
			t.Fatalf("%s has %d sockets under policy %s", email, sockets, m.policy)
		}
	}
	if entries := slices.Collect(s.Entries); s.Version < m.version || s.Version == m.version && !slices.Equal(entries, m.listed) {
		t.Fatalf("version %d lists %v, and version %d before it listed %v", s.Version, entries, m.version, m.listed)
	} else {
		m.version, m.listed = s.Version, entries
	}
	for email := range listed {
		if _, ok := m.mirror[email]; !ok || len(m.mirror) != len(listed) {
			t.Fatalf("%d users are listed, and the watcher has %d of them", len(listed), len(m.mirror))
		}
	}
	if len(m.asked) < len(m.waiting) {
		t.Fatalf("%d connects wait, and %d have no answer", len(m.waiting), len(m.asked))
	}
}

// watches takes a snapshot and what happens from that instant on.
func (m *model) watches() {
	m.watcher = &watcher{window: m.order.feed.window, position: m.order.feed.watch(m.now)}
	m.mirror = make(map[rollcall.Email]rollcall.Entry)
	for e := range m.order.snapshot().Entries {
		m.mirror[e.Email] = e
	}
}

// reads takes in what has happened since the watcher last read, and returns who left.
func (m *model) reads(t *rapid.T) (left []rollcall.Email) {
	m.order.feed.show(m.now)
	for {
		events, err := m.order.feed.window.stretch.Load().after(m.watcher.position, 3)
		if err != nil {
			t.Fatalf("the watcher: %v", err)
		}
		if len(events) == 0 {
			return left
		}
		m.watcher.position += uint64(len(events))
		for _, e := range events {
			if _, here := m.mirror[e.Entry.Email]; here == (e.Kind == rollcall.EventJoin) {
				t.Fatalf("a %s of %s, who is listed: %v", e.Kind, e.Entry.Email, here)
			}
			m.mirror[e.Entry.Email] = e.Entry
			switch e.Kind {
			case rollcall.EventJoin:
				m.told[e.Entry.Email] = append(m.told[e.Entry.Email], coming{kind: e.Kind})
			case rollcall.EventLeave:
				m.told[e.Entry.Email] = append(m.told[e.Entry.Email], coming{e.Kind, e.Entry.ConnectedAt})
				delete(m.mirror, e.Entry.Email)
				left = append(left, e.Entry.Email)
			}
		}
	}
}

// settle lets the database be well until nothing is left to do, and compares: while
// those who are away may still come back, and when they may not any more.
func (m *model) settle(t *rapid.T) {
	m.rests(t)
	m.agrees(t)
	m.passes(t, m.grace)
	m.rests(t)
	if len(m.away) > 0 {
		t.Fatalf("%d users are still away", len(m.away))
	}
	m.agrees(t)
}

// rests commits until nothing is left to do, and then what others removed, which is
// told with the next renewal of the lease.
func (m *model) rests(t *rapid.T) {
	for range 1000 {
		m.flush()
		if m.flight == nil {
			m.begin(false)
		}
		if m.flight == nil || m.batch == nil {
			break
		}
		m.answered(t, true, nil)
	}
	m.begin(true)
	for m.batch != nil && m.flight != nil {
		m.answered(t, true, nil)
		m.begin(false)
	}
	m.check(t)
}

// agrees compares sockets, entries and rows. Who is away has all but the socket: the
// row of the last session stays, so that the users' rows are always those who have
// a session's.
func (m *model) agrees(t *rapid.T) {
	if len(m.asked)+len(m.waiting)+len(m.leads)+len(m.queue) > 0 || len(m.members) != len(m.open)+len(m.away) {
		t.Fatalf("%d connects have no answer, %d wait, %d lead, %d are queued, and of %d members %d are open",
			len(m.asked), len(m.waiting), len(m.leads), len(m.queue), len(m.members), len(m.open))
	}
	want := maps.Clone(m.open)
	for email, a := range m.away {
		want[a.session] = email
	}
	for id := range m.database {
		if _, ok := want[id]; !ok {
			t.Fatalf("a row is left of %s", id)
		}
	}
	for id, email := range want {
		if c, ok := m.database[id]; !ok || c.Email != email {
			t.Fatalf("%s is open or away, and its row is %v", email, c)
		}
	}
	m.order.tellActivity()
	m.reads(t)
	for e := range m.order.snapshot().Entries {
		if told := m.mirror[e.Email]; told != e {
			t.Fatalf("the entry is %+v, and the watcher's %+v", e, told)
		}
		if row := m.rows[e.Email]; row != e && !m.marked[e.Email] {
			t.Fatalf("the entry is %+v, and the row %+v", e, row)
		}
	}
	if users := len(slices.Collect(m.order.snapshot().Entries)); users != len(m.rows) {
		t.Fatalf("%d users are listed, and %d have rows", users, len(m.rows))
	}
}

// agreesOnComings compares the joins and leaves that watchers have heard of with those
// of the rows, which webhooks hear of.
func (m *model) agreesOnComings(t *rapid.T) {
	for _, email := range modelEmails {
		if told, written := m.told[email], m.written[email]; !m.refused[email] && !slices.Equal(told, written) {
			t.Fatalf("of %s watchers were told %v, and the rows say %v", email, told, written)
		}
	}
}
