// Command ledger-verifier checks an exported Sluice ledger with the Go project's own transparency log packages. It shares no code with Sluice, so that a
// mistake in how Sluice hashes, signs or stores cannot hide in how Sluice verifies.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

// The exit codes of `sluice ledger verify`.
const (
	codeOK           = 0
	codeUsage        = 2
	codeAltered      = 10
	codeTruncated    = 11
	codeInconsistent = 12
	codeSignature    = 13
	codeUnreadable   = 20
)

// failure is a finding about the log, with its exit code.
type failure struct {
	code int
	fact string
}

func (f *failure) Error() string { return f.fact }

func fail(code int, format string, args ...any) error {
	return &failure{code, fmt.Sprintf(format, args...)}
}

func main() {
	origin := flag.String("origin", "", "the origin line of the log")
	key := flag.String("key", "", "the verifier key of the log: name+id+key")
	earlier := flag.String("earlier", "", "a file with an earlier checkpoint that was kept elsewhere")
	proof := flag.String("proof", "", "a .tlog-proof file of one entry of this log")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: ledger-verifier -origin ORIGIN -key KEY [-earlier FILE] [-proof FILE] FOLDER\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 || *origin == "" || *key == "" {
		flag.Usage()
		os.Exit(codeUsage)
	}
	size, err := verify(options{folder: flag.Arg(0), origin: *origin, key: *key, earlier: *earlier, proof: *proof})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		var found *failure
		if errors.As(err, &found) {
			os.Exit(found.code)
		}
		os.Exit(codeUnreadable)
	}
	fmt.Printf("%d entries verified\n", size)
}
