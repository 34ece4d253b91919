package main

// socket is the truth about one socket, as far as its client can know it.
// Before dialed and after left it cannot be open; from greeted to leaving it
// surely is. In between, and only there, a list may say either.
type socket struct {
	user    int
	node    string // the name of the server that it was dialed at
	dialed  moment // before the first byte
	greeted moment // after the greeting was read
	leaving moment // before its client did anything to end it, or when its end was read
	left    moment // when it was over for its client
	mine    bool   // its client ended it, or broke the rules so that the server had to
	code    int    // the close code that was read; 0 is none
}

// surely reports whether it was open all the time from one moment to another.
func (s socket) surely(from, to moment) bool { return s.greeted <= from && to < s.leaving }

// perhaps reports whether it may have been open at any time between the two.
func (s socket) perhaps(from, to moment) bool { return s.dialed <= to && from <= s.left }
