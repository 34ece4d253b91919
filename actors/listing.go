package actors

import (
	"github.com/tidwall/btree"

	"github.com/rollcall/rollcall"
)

// listing is everybody who is here, in the order of a snapshot. Whatever changes
// what a snapshot shows passes through it, and so it numbers the versions.
type listing struct {
	entries *btree.BTreeG[rollcall.Entry]
	version uint64
}

func newListing() *listing {
	return &listing{entries: btree.NewBTreeGOptions(listedBefore, btree.Options{NoLocks: true})}
}

// listedBefore is the order of a snapshot: oldest connection first, then by e-mail.
func listedBefore(a, b rollcall.Entry) bool {
	if !a.ConnectedAt.Equal(b.ConnectedAt) {
		return a.ConnectedAt.Before(b.ConnectedAt)
	}
	return a.Email < b.Email
}

// set lists an entry, in the place of one with the same time and e-mail.
func (l *listing) set(e rollcall.Entry) {
	l.version++
	l.entries.Set(e)
}

func (l *listing) delete(e rollcall.Entry) {
	l.version++
	l.entries.Delete(e)
}

// snapshot is everybody who is here, in constant time: the tree is shared and
// copied where it changes afterwards.
func (l *listing) snapshot() rollcall.Snapshot {
	entries := l.entries.Copy()
	return rollcall.Snapshot{
		Version: l.version,
		Count:   entries.Len(),
		Entries: func(yield func(rollcall.Entry) bool) { entries.Scan(yield) },
	}
}
