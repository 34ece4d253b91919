package persistence

import "time"

// LookedEarlier makes the last look at active connections so much longer ago.
func (n *Node) LookedEarlier(by time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.looked = n.looked.Add(-by)
}

// LookEvery is how long there is none.
const LookEvery = lookEvery
