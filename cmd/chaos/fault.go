package main

// faultKind names a fault, as the report does.
type faultKind string

// The faults of the nemesis.
const (
	killedSameName  faultKind = "kill -9, started again"
	killedOtherName faultKind = "kill -9, another name"
	frozenServer    faultKind = "server frozen"
	drained         faultKind = "SIGTERM, started again"
	drainedInStorm  faultKind = "SIGTERM in a connect storm"
	databaseStopped faultKind = "database stopped"
	databaseFrozen  faultKind = "database frozen"
	databaseCut     faultKind = "connections cut"
	databaseLocked  faultKind = "table locked"
	databaseSlow    faultKind = "database slow"
	diskFull        faultKind = "disk full"
	halfOpen        faultKind = "half-open network"
	misbehaviour    faultKind = "clients misbehave"
)

// faultKinds is all of them, in the order of the report.
var faultKinds = []faultKind{
	killedSameName, killedOtherName, frozenServer, drained, drainedInStorm,
	databaseStopped, databaseFrozen, databaseCut, databaseLocked, databaseSlow, diskFull,
	halfOpen, misbehaviour,
}

func (k faultKind) ofDatabase() bool {
	switch k {
	case databaseStopped, databaseFrozen, databaseCut, databaseLocked, databaseSlow, diskFull:
		return true
	}
	return false
}

// ofServer reports whether the fault strikes the sockets of one server.
func (k faultKind) ofServer() bool {
	switch k {
	case killedSameName, killedOtherName, frozenServer, drained, drainedInStorm:
		return true
	}
	return false
}

// drains reports whether the server is told to end, and tells its clients.
func (k faultKind) drains() bool { return k == drained || k == drainedInStorm }

// endsSockets reports whether the sockets of the server end with the fault.
func (k faultKind) endsSockets() bool { return k.ofServer() && k != frozenServer }

// fault is one thing that the nemesis did.
type fault struct {
	kind  faultKind
	node  string // of a fault of a server
	users people // of a half-open network: who is cut off
	// began is before it struck. When ended is, differs: the successor serves
	// (killed, same name), the process is gone (killed, drained), the frozen
	// one goes on, the database answers again.
	began, ended moment
}

// on reports whether the fault was on at any time between the two moments.
func (f fault) on(from, to moment) bool { return f.began <= to && from <= f.ended }
