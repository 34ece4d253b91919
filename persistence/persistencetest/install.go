package persistencetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// errNoPostgres says what to do.
var errNoPostgres = errors.New("no PostgreSQL to test with: install it (initdb and postgres in PATH), " +
	"or set " + ServerVariable + " to the URL of a server where databases may be created")

// install is Debian's way to the programs alone: its package would start a
// server of its own.
const install = `
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y postgresql-common
echo 'create_main_cluster = false' >> /etc/postgresql-common/createcluster.conf
apt-get install -qq -y postgresql
`

// findPostgres returns the directory of the server's programs, which it installs
// if it may.
func findPostgres() (bin string, err error) {
	if bin, ok := lookPostgres(); ok {
		return bin, nil
	}
	if _, err := os.Stat("/etc/debian_version"); err != nil || os.Geteuid() != 0 {
		return "", errNoPostgres
	}
	if out, err := exec.Command("/bin/sh", "-c", install).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w (apt-get failed: %w)\n%s", errNoPostgres, err, out)
	}
	if bin, ok := lookPostgres(); ok {
		return bin, nil
	}
	return "", errNoPostgres
}

// lookPostgres looks in PATH, and then where Debian puts what it keeps out of it.
func lookPostgres() (bin string, ok bool) {
	candidates, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if inPath, err := exec.LookPath("initdb"); err == nil {
		candidates = append(candidates, inPath)
	}
	for _, initdb := range candidates {
		initdb, err := filepath.EvalSymlinks(initdb) // postgres stands beside the file itself
		if err != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(initdb), "postgres")); err == nil {
			bin, ok = filepath.Dir(initdb), true // the last is the newest, or the one in PATH
		}
	}
	return bin, ok
}

// unprivileged is whom root runs a server as.
func unprivileged() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if errors.Join(err1, err2) == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as")
}
