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
// none. A few goroutines of its own wake their drivers.
type lot interface {
	// enter gives a connection a place, where it does not wait yet; false if it
	// is of a kind that must be read by a goroutine.
	enter(net.Conn, driver) (place, bool)
	// close ends the waiting of all, without waking them.
	close()
}

// place is where one connection waits. Its methods never block.
type place interface {
	// wait has the driver woken when there is something to read, or the connection
	// has ended, at once if that is so already; and, if it asks for that, when it
	// can be written to. From then on each change of that wakes it.
	wait(orWritable bool)
	// leave ends the waiting. A driver that is being woken may be so once more.
	leave()
}

// driver is who waits at a place.
type driver interface {
	// wake may be called by several goroutines at a time.
	wake(source) outlook
}

// source is the connection of the driver that is being woken.
type source interface {
	// read returns what has come, until it is called again, or errNothing.
	read() ([]byte, error)
	// write writes as much as it can at once, and returns how much that was. What
	// keeps it from the rest is for whoever can wait to find out.
	write([]byte) int
}

// outlook is what a driver says when it has been woken.
type outlook uint8

const (
	leaves     outlook = iota // it does not wait, for now or for ever
	waitsOn                   // for the next change
	waitsAfter                // it may have missed one
)
