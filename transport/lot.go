package transport

import (
	"errors"
	"net"
)

// Reader says how sockets wait for their clients.
type Reader string

// The readers.
const (
	ReaderAuto      Reader = "auto"      // parked where that is possible
	ReaderPark      Reader = "park"      // the same, and refused where it is not
	ReaderGoroutine Reader = "goroutine" // a goroutine for each socket
)

// ErrNothing says that there is nothing to read yet.
var ErrNothing = errors.New("nothing to read")

// Parkable is a connection that waits without a goroutine: one that a lot has
// adopted, or that a listener brings which knows how to. The methods beyond
// [net.Conn] never block.
type Parkable interface {
	net.Conn
	// CloseWrite ends the writing side.
	CloseWrite() error
	// Attach has the driver woken from now on: soon, and then whenever there is
	// something to read, or something to write is taken again, or the connection
	// has ended.
	Attach(Driver)
	// Again has the driver woken once more.
	Again()
	// Detach ends that. A driver that is being woken may be so once more.
	Detach()
	// TryRead returns ErrNothing where Read would wait.
	TryRead([]byte) (int, error)
	// TryWrite writes as much as it can at once, and returns how much that was.
	// What keeps it from the rest is for Write to find out.
	TryWrite([]byte) int
}

// Driver is who waits.
type Driver interface {
	// Wake tells of a change. It may be called by several goroutines at a time; the
	// buffer is lent by this one.
	Wake(buffer []byte) Outlook
}

// Outlook is what a driver says when it has been woken.
type Outlook uint8

// The outlooks.
const (
	Leaves     Outlook = iota // it does not wait, for now or for ever
	WaitsOn                   // it has read what there was, and waits for the next change
	WaitsAgain                // it may not have: it is to be woken once more
)

// lot is where connections wait without a goroutine: each system has its own, or
// none. A few goroutines of its own wake their drivers.
type lot interface {
	// adopt takes over a connection, whose old self is closed; false if it is of a
	// kind that must be read by a goroutine.
	adopt(net.Conn) (Parkable, bool)
	// mute has nobody woken by what comes, until it is unmuted: soon.
	mute(bool)
	// close ends the waiting of all, without waking them.
	close()
}
