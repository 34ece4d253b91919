package transport

import "sync/atomic"

const (
	// maxHeld bounds the bytes of messages that all sockets together hold, read
	// and not answered or waiting to be written. Beyond it a socket that holds
	// more than its share is closed; all others go on.
	maxHeld = 64 << 20
	// heldShare is what a socket may hold whatever the others do: a message that
	// is not long. What all hold is so bounded by maxHeld or the shares of all.
	heldShare = 64 << 10
	// maxReply is the longest reply to such a message. It is taken for a client
	// that has read all others.
	maxReply = 6*heldShare + frameCost
)

// budget is the memory that messages may take, over all sockets. A message of a
// mebibyte is allowed, and its reply can be six times as long: one socket may
// hold that, and twenty thousand must not.
type budget struct {
	held atomic.Int64
}

// account is one socket's part of the budget. The socket's lock guards it.
type account struct {
	*budget
	bytes  int
	closed bool
}

// hold counts bytes, and answers false if they are more than there is for this
// socket. They count all the same.
func (a *account) hold(bytes int) bool {
	if a.closed {
		return false
	}
	a.bytes += bytes
	return a.held.Add(int64(bytes)) <= maxHeld || a.bytes <= heldShare
}

// letGo counts bytes that are held no longer.
func (a *account) letGo(bytes int) {
	if !a.closed {
		a.bytes -= bytes
		a.held.Add(-int64(bytes))
	}
}

// close gives back what a socket that is gone has left: frames that its session
// never released, replies that were never written. What is let go of later does
// not count.
func (a *account) close() {
	a.letGo(a.bytes)
	a.closed = true
}
