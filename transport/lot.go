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

// errNothing says that there is nothing to read yet.
var errNothing = errors.New("nothing to read")

// lot is where sockets wait without a goroutine: each system has its own, or
// none. A driver wakes one at a time.
type lot interface {
	// enter gives a connection a place, where it does not wait yet; false if it
	// is of a kind that must be read by a goroutine.
	enter(net.Conn, driver) (place, bool)
	// close ends the waiting of all, without waking them.
	close()
}

// place is where one connection waits. Its methods never block.
type place interface {
	// read returns what has come, or errNothing. Only a driver that was woken reads.
	read([]byte) (int, error)
	// wait has the driver woken once, when there is something to read, or the
	// connection has ended; or, if it asks for that, when it can be written to.
	wait(orWritable bool)
	// leave ends the waiting. A driver that is being woken may be so once more.
	leave()
}

// driver is who waits at a place.
type driver interface {
	// wake is called by one goroutine at a time. The buffer is lent. It answers
	// whether to wait again.
	wake(buffer []byte) bool
}
