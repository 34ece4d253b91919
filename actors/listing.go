package actors

import (
	"time"

	"github.com/tidwall/btree"

	"github.com/rollcall/rollcall"
)

const (
	// activityEvery is how long a user's activity may wait until watchers hear of
	// it, as one event however often it moved.
	activityEvery = time.Second
	// mostActivity bounds those events in that time. With more users active each
	// waits for its turn, so that activity does not push out joins and leaves.
	mostActivity = 1000
	// causeRespelled is the cause of a leave that is followed by a join under the
	// user's corrected spelling: see roster.respell.
	causeRespelled = "replaced"
)

// listing is everybody who is here, in the order of a snapshot. Whatever changes
// what a snapshot shows passes through it, and so it numbers the versions and
// feeds those who watch.
type listing struct {
	entries *btree.BTreeG[entry]
	version uint64
	feed    *feed
	moved   []*user // whose activity watchers have not heard of, longest waiting first
}

func newListing(f *feed) *listing {
	return &listing{entries: btree.NewBTreeGOptions(listedBefore, btree.Options{NoLocks: true}), feed: f}
}

// join lists a user whose first session came then.
func (l *listing) join(u *user, at moment) {
	l.version++
	l.entries.Set(u.entry)
	l.feed.add(rollcall.Event{Kind: rollcall.EventJoin, Entry: u.told(), At: at.time()})
}

// leave takes a user off whose last session ended then, and why.
func (l *listing) leave(u *user, cause string, at moment) {
	l.version++
	l.entries.Delete(u.entry)
	u.moved = false
	l.feed.add(rollcall.Event{Kind: rollcall.EventLeave, Entry: u.told(), At: at.time(), Cause: cause})
}

// touch lists a user's new activity.
func (l *listing) touch(u *user) {
	l.version++
	l.entries.Set(u.entry)
	if !u.moved {
		u.moved = true
		l.moved = append(l.moved, u)
	}
}

// change lists a user whose entry was another before.
func (l *listing) change(u *user, before entry, at moment) {
	if u.entry == before {
		return
	}
	l.entries.Delete(before)
	l.touch(u)
	if u.email != before.email {
		l.feed.add(rollcall.Event{Kind: rollcall.EventLeave, Entry: before.told(), At: at.time(), Cause: causeRespelled})
		l.feed.add(rollcall.Event{Kind: rollcall.EventJoin, Entry: u.told(), At: at.time()})
	}
}

// tellActivity feeds the activity of those who have waited longest.
func (l *listing) tellActivity() {
	told, seen := 0, 0
	for _, u := range l.moved {
		if told == mostActivity {
			break
		}
		seen++
		if !u.moved { // it has left
			continue
		}
		u.moved = false
		if l.feed.wanted { // else nobody hears of it
			told++
			l.feed.add(rollcall.Event{Kind: rollcall.EventActivity, Entry: u.told(), At: u.lastActivity.time()})
		}
	}
	l.moved = rest(l.moved, seen)
}

// snapshot is everybody who is here, in constant time: the tree is shared and
// copied where it changes afterwards.
func (l *listing) snapshot() rollcall.Snapshot {
	entries := l.entries.Copy()
	return rollcall.Snapshot{
		Version: l.version,
		Count:   entries.Len(),
		Entries: func(yield func(rollcall.Entry) bool) {
			entries.Scan(func(e entry) bool { return yield(e.told()) })
		},
	}
}
