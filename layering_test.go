package rollcall_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/rollcall/rollcall"

// rule keeps one import, and everything below it, to the folders that may have
// it. The root is in no rule: the vocabulary imports nothing of what speaks it.
type rule struct {
	imports string
	in      []string // these folders and everything below them
	tests   []string // and the tests of these
	why     string
}

var rules = []rule{
	{
		imports: module + "/actors",
		in:      []string{"actors", "cmd/rollcall"},
		why:     "the socket and the database must not know how presence is kept",
	},
	{
		imports: module + "/transport",
		in:      []string{"transport", "cmd/rollcall"},
		why:     "an actor speaks to a socket through rollcall.Socket, so that a test can be one",
	},
	{
		imports: module + "/persistence",
		in:      []string{"persistence", "cmd/rollcall", "cmd/chaos", "cmd/performance"},
		why:     "presence goes on without a database, so it knows only rollcall.Store",
	},
	{
		imports: module + "/cmd",
		in:      []string{"cmd/rollcall", "cmd/performance"},
		why:     "the binary puts the parts together and is nobody's part; its bench is a part of it, whose reports cmd/performance reads",
	},
	{
		imports: "github.com/asynkron/protoactor-go",
		in:      []string{"actors"},
		why:     "a PID that leaves the actors makes a second way to reach them",
	},
	{
		imports: "github.com/gorilla/websocket",
		in:      []string{"transport", "cmd/chaos", "cmd/rollcall/bench/bare"},
		tests:   []string{"cmd/rollcall"},
		why:     "how bytes become frames is the transport's, the tests' that are clients, and the yardstick's, which is gorilla and nothing else",
	},
	{
		imports: "github.com/uptrace/bun",
		in:      []string{"persistence"},
		why:     "a query outside the persistence is one that the other dialect never sees",
	},
	{
		imports: "github.com/jackc/pgx",
		in:      []string{"persistence", "cmd/chaos"},
		tests:   []string{"cmd/rollcall"},
		why:     "the driver belongs to Bun, and to the tests that look at the rows themselves",
	},
	{
		imports: "modernc.org/sqlite",
		in:      []string{"persistence"},
		tests:   []string{"cmd/rollcall"},
		why:     "the driver belongs to Bun, and to the tests that look at the rows themselves",
	},
	{
		imports: "database/sql",
		in:      []string{"persistence"},
		tests:   []string{"cmd/rollcall"},
		why:     "a handle on the database elsewhere would be a second writer",
	},
	{
		imports: "github.com/alecthomas/kong",
		in:      []string{"cmd/rollcall"},
		why:     "the parts take their settings as values, from whatever command line there is",
	},
	{
		imports: "github.com/getkin/kin-openapi",
		tests:   []string{"transport"},
		why:     "the document is for clients; only a test reads it here, to hold it to the handlers",
	},
	{
		imports: "github.com/chromedp",
		tests:   []string{"transport", "cmd/rollcall"},
		why:     "a browser is a client, and only a test starts one",
	},
}

// TestImportsStayInTheirLayer holds the architecture: the list of folders says
// the truth only as long as no folder reaches into its neighbour.
func TestImportsStayInTheirLayer(t *testing.T) {
	expectNone(t, strayImports(sources(t, os.DirFS("."))))
}

// TestNoProductCodeImportsTests keeps the testing package, its flags and every
// fault that it can switch on out of the binary.
func TestNoProductCodeImportsTests(t *testing.T) {
	expectNone(t, testsInProduct(sources(t, os.DirFS("."))))
}

// TestEveryPackageSaysWhatItIs wants a package comment: it is the first thing
// that a reader of the folder and of the documentation sees.
func TestEveryPackageSaysWhatItIs(t *testing.T) {
	expectNone(t, silentPackages(sources(t, os.DirFS("."))))
}

// TestCloseCodesAreWrittenInOneFile keeps the answer to "which codes can a
// client see?" in close.go: anything else uses its names.
func TestCloseCodesAreWrittenInOneFile(t *testing.T) {
	expectNone(t, strayCloseCodes(sources(t, os.DirFS("."))))
}

// TestPlantedImportsAreFound plants each import of the table where it may not
// be: a rule with a slip of the pen in it would otherwise hold nothing.
func TestPlantedImportsAreFound(t *testing.T) {
	for _, r := range rules {
		planted := fstest.MapFS{
			"planted.go":            plant("rollcall", r.imports),
			"elsewhere/deep/a.go":   plant("deep", r.imports+"/below"),
			"elsewhere/namesake.go": plant("elsewhere", r.imports+"fellow"),
		}
		expect(t, strayImports(sources(t, planted)), "elsewhere/deep/a.go", "planted.go")
		for _, folder := range r.in {
			allowed := fstest.MapFS{folder + "/a.go": plant(path.Base(folder), r.imports)}
			expectNone(t, strayImports(sources(t, allowed)))
		}
		for _, folder := range r.tests {
			halfAllowed := fstest.MapFS{
				folder + "/a.go":      plant(path.Base(folder), r.imports),
				folder + "/a_test.go": plant(path.Base(folder), r.imports),
			}
			expect(t, strayImports(sources(t, halfAllowed)), folder+"/a.go")
		}
	}
}

// TestPlantedNeighboursAreFound names the pairs that matter most, without the
// table in between: none of the three layers sees another.
func TestPlantedNeighboursAreFound(t *testing.T) {
	layers := []string{"actors", "transport", "persistence"}
	for _, from := range layers {
		for _, to := range layers {
			if from == to {
				continue
			}
			planted := fstest.MapFS{
				from + "/a.go":      plant(from, module+"/"+to),
				from + "/a_test.go": plant(from, module+"/"+to),
				from + "/b.go":      plant(from, module),
			}
			expect(t, strayImports(sources(t, planted)), from+"/a.go", from+"/a_test.go")
		}
	}
}

// TestOtherPlantedBreachesAreFound breaks each of the remaining rules once.
func TestOtherPlantedBreachesAreFound(t *testing.T) {
	tree := sources(t, fstest.MapFS{
		"close.go":              {Data: []byte("// Package rollcall is.\npackage rollcall\n\nvar code = 4001\n")},
		"a/a.go":                {Data: []byte("package a\n\nimport _ \"testing\"\n\nvar code = 4001\n")},
		"a/a_test.go":           {Data: []byte("// Package a is said in the wrong file.\npackage a\n\nimport _ \"testing\"\n\nvar code = 1013\n")},
		"a/atest/atest.go":      {Data: []byte("// Package atest is.\npackage atest\n\nimport _ \"testing\"\n\nvar limit = 4_008\n")},
		"a/user.go":             {Data: []byte("package a\n\nimport _ \"" + module + "/a/atest\"\n\nvar code = 0x3e9\n")},
		"a/testdata/ignored.go": {Data: []byte("package ignored\n\nvar code = 4000\n")},
	})
	expect(t, testsInProduct(tree), "a/a.go", "a/user.go")
	expect(t, silentPackages(tree), "a")
	expect(t, strayCloseCodes(tree), "a/a.go", "a/user.go")
}

// breach is what breaks a rule: where, and what to know about it.
type breach struct{ where, what string }

func strayImports(tree []source) (found []breach) {
	for _, s := range tree {
		for _, imported := range s.imports() {
			for _, r := range rules {
				allowed := within(s.folder(), r.in) || s.isTest() && within(s.folder(), r.tests)
				if below(imported, r.imports) && !allowed {
					found = append(found, breach{s.path, "imports " + imported + ", but " + r.why})
				}
			}
		}
	}
	return found
}

// tests are the programs that are tests themselves, because they run for as long
// as one likes.
var tests = []string{"cmd/chaos", "cmd/performance"}

// testsInProduct passes over those.
func testsInProduct(tree []source) (found []breach) {
	for _, s := range tree {
		if slices.Contains(tests, s.folder()) {
			continue
		}
		for _, imported := range s.imports() {
			if !s.isTest() && (imported == "testing" || strings.HasSuffix(imported, "test")) {
				found = append(found, breach{s.path, "imports " + imported + " and is no test"})
			}
		}
	}
	return found
}

func silentPackages(tree []source) (found []breach) {
	said := map[string]bool{}
	for _, s := range tree {
		if !strings.HasSuffix(s.path, "_test.go") {
			said[s.folder()] = said[s.folder()] || s.file.Doc.Text() != ""
		}
	}
	for folder, ok := range said {
		if !ok {
			found = append(found, breach{folder, "has no package comment"})
		}
	}
	return found
}

// strayCloseCodes finds whole numbers that are close codes of the protocol or
// of our own. A limit that happens to be one of them deserves another value.
func strayCloseCodes(tree []source) (found []breach) {
	for _, s := range tree {
		if s.path == "close.go" || s.isTest() {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.INT {
				v, err := strconv.ParseInt(lit.Value, 0, 64)
				if err == nil && (v >= 4000 && v <= 4007 || v >= 1001 && v <= 1013) {
					found = append(found, breach{s.path, "has the close code " + lit.Value + "; close.go has its name"})
				}
			}
			return true
		})
	}
	return found
}

// source is one parsed Go file of the tree.
type source struct {
	path string
	file *ast.File
}

func (s source) folder() string { return path.Dir(s.path) }

// isTest is also true of packages that exist for tests, such as net/http/httptest.
func (s source) isTest() bool {
	return strings.HasSuffix(s.path, "_test.go") || strings.HasSuffix(s.file.Name.Name, "test")
}

func (s source) imports() []string {
	var paths []string
	for _, spec := range s.file.Imports {
		paths = append(paths, strings.Trim(spec.Path.Value, "\"`"))
	}
	return paths
}

// sources parses every Go file that the go command would see.
func sources(t *testing.T, tree fs.FS) []source {
	t.Helper()
	var all []source
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		base := path.Base(name)
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		all = append(all, source{name, file})
		return err
	})
	if err != nil {
		t.Fatalf("reading the sources: %v", err)
	}
	if len(all) == 0 {
		t.Fatal("there are no sources to judge")
	}
	return all
}

func plant(pkg, imported string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte("package " + pkg + "\n\nimport _ \"" + imported + "\"\n")}
}

func below(p, prefix string) bool { return p == prefix || strings.HasPrefix(p, prefix+"/") }

func within(folder string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return below(folder, f) })
}

func expectNone(t *testing.T, found []breach) {
	t.Helper()
	for _, b := range found {
		t.Errorf("%s %s", b.where, b.what)
	}
}

func expect(t *testing.T, found []breach, where ...string) {
	t.Helper()
	var got []string
	for _, b := range found {
		got = append(got, b.where)
	}
	slices.Sort(got)
	if !slices.Equal(got, where) {
		t.Errorf("found breaches in %q, want %q", got, where)
	}
}
