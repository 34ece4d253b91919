package main

import "runtime/debug"

// version says which build this is, as the Go command stamped it.
func version() string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return "rollcall, of an unknown version"
	}
	return "rollcall " + build.Main.Version + ", built with " + build.GoVersion
}
