// Checks a log, or proofs about one, without any code of the program that wrote it.
//
//	verify log FOLDER... KEY               the events give the root that was signed, then and earlier
//	verify proof FILE EVENT... KEY         an event is in the log (EVENT `-`: it is the `extra` of FILE)
//	verify consistency FILE OLD... KEY     the log still begins with what it was at an older checkpoint
//
// Trees, proofs and signatures are left to golang.org/x/mod/sumdb, with which Go checks its own module database. What is here
// reads the files of C2SP: tlog-checkpoint, tlog-proof and the body of tlog-witness add-checkpoint.
//
// Prints one line for each thing it was asked about: `ok: ...`, or on stderr why not. Exit 0: all is well. Exit 1: something
// is refused. Exit 2: it was asked wrongly.
//
// What it cannot tell: whether there is a newer checkpoint, and whether others were shown another log under the same key.
//
// Built by `go mod tidy` once, which writes go.sum, and `go build`; or without modules where Debian's golang-golang-x-mod-dev is:
// `GO111MODULE=off GOPATH=/usr/share/gocode go build`.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	maxSignatures = 16 // as many as every reader of notes must take
	maxHashes     = 63 // more than the longest proof there can be
)

// require ends the check of one thing, at once, unless what it is told holds. `verdict` catches it.
func require(holds bool, reason string, about ...interface{}) {
	if !holds {
		panic(fmt.Errorf(reason, about...))
	}
}

func readFile(path ...string) []byte {
	raw, err := os.ReadFile(filepath.Join(path...))
	require(err == nil, "`%s` cannot be read", filepath.Join(path...))
	return raw
}

// readBase64 takes only the one text that these bytes have: no spaces, no missing padding, no spare bits.
func readBase64(text string) []byte {
	raw, err := base64.StdEncoding.DecodeString(text)
	require(err == nil && base64.StdEncoding.EncodeToString(raw) == text, "base64 that is not canonical")
	return raw
}

func readHash(text string) (hash tlog.Hash) {
	raw := readBase64(text)
	require(len(raw) == tlog.HashSize, "a hash that is not 32 bytes")
	copy(hash[:], raw)
	return hash
}

func readHashes(lines []string) (hashes []tlog.Hash) {
	require(len(lines) <= maxHashes, "the proof has more hashes than a tree has levels")
	for _, line := range lines {
		hashes = append(hashes, readHash(line))
	}
	return hashes
}

var plainCount = regexp.MustCompile(`^(?:0|[1-9][0-9]{0,15})$`)

func readCount(text string) int64 {
	require(plainCount.MatchString(text), "a number that is not plain decimal")
	count, err := strconv.ParseInt(text, 10, 64)
	require(err == nil, "a number that is not plain decimal")
	return count
}

var keyLine = regexp.MustCompile(`^[^+\n]+\+[0-9a-f]{8}\+([^\n]+)\n?$`)

func readKey(file string) note.Verifier {
	raw := string(readFile(file))
	fields := keyLine.FindStringSubmatch(raw)
	require(fields != nil, "the key is not one line of name, id and key")
	readBase64(fields[1])
	key, err := note.NewVerifier(strings.TrimSuffix(raw, "\n"))
	require(err == nil, "the key: %v", err)
	return key
}

// openCheckpoint gives size and root of a checkpoint that this key has signed for the log of its own name.
func openCheckpoint(raw []byte, key note.Verifier) tlog.Tree {
	opened, err := note.Open(raw, note.VerifierList(key))
	var unsigned *note.UnverifiedNoteError
	var wrong *note.InvalidSignatureError
	require(!errors.As(err, &unsigned), "the checkpoint is not signed by the key")
	require(!errors.As(err, &wrong), "the checkpoint's signature is wrong")
	require(err == nil, "the checkpoint is no signed note")
	// Open takes base64 with spare bits, and looks at the first signature of a key alone. The rest is seen to here.
	signatures := strings.Split(strings.TrimSuffix(string(raw[len(opened.Text)+1:]), "\n"), "\n")
	require(len(signatures) <= maxSignatures, "the checkpoint has more than 16 signatures")
	for _, line := range signatures {
		fields := strings.Split(line, " ") // a dash, a name and base64: Open has looked
		signature := readBase64(fields[2])
		isOurs := fields[1] == key.Name() && binary.BigEndian.Uint32(signature) == key.KeyHash()
		require(!isOurs || key.Verify([]byte(opened.Text), signature[4:]), "the checkpoint's signature is wrong")
	}
	lines := strings.Split(opened.Text, "\n")
	// This log writes no extension lines: whoever adds one says something that nobody checks.
	require(len(lines) == 4, "the checkpoint is not three lines of origin, size and root")
	require(lines[0] == key.Name(), "the checkpoint is of another log")
	return tlog.Tree{N: readCount(lines[1]), Hash: readHash(lines[2])}
}

// splitProof gives the lines before the first empty one, and the checkpoint after it.
func splitProof(file string) ([]string, []byte) {
	head, checkpoint, found := bytes.Cut(readFile(file), []byte("\n\n"))
	require(found, "the proof has no checkpoint")
	return strings.Split(string(head), "\n"), checkpoint
}

// readField gives what a line of this name says, and the lines after it.
func readField(lines []string, name string) (string, []string) {
	is := len(lines) > 0 && strings.HasPrefix(lines[0], name+" ")
	require(is, "the proof has no line `%s` where it must be", name)
	return lines[0][len(name)+1:], lines[1:]
}

// tree holds the hashes of a log in the order of tlog.
type tree []tlog.Hash

func (t tree) ReadHashes(indexes []int64) (hashes []tlog.Hash, err error) {
	for _, index := range indexes {
		hashes = append(hashes, t[index])
	}
	return hashes, nil
}

func (t tree) rootAt(size int64) tlog.Hash {
	if size == 0 {
		return sha256.Sum256(nil) // RFC 6962; tlog would give zeros
	}
	root, err := tlog.TreeHash(size, t)
	require(err == nil, "the tree: %v", err)
	return root
}

func checkLog(asked []string, key note.Verifier) string {
	folder := asked[0]
	head := openCheckpoint(readFile(folder, "checkpoint"), key)
	raw := readFile(folder, "events.jsonl")
	require(len(raw) == 0 || raw[len(raw)-1] == '\n', "the last event does not end in a newline")
	// Bytes as they are: an event is never parsed, so nothing can be hidden in how it is.
	events := bytes.SplitAfter(raw, []byte("\n"))
	events = events[:len(events)-1]
	require(int64(len(events)) == head.N, "the log has %d events, its checkpoint %d", len(events), head.N)
	var log tree
	for at, event := range events {
		hashes, err := tlog.StoredHashes(int64(at), event[:len(event)-1], log)
		require(err == nil, "the tree: %v", err)
		log = append(log, hashes...)
	}
	require(log.rootAt(head.N) == head.Hash, "the events do not give the root of the checkpoint")
	earlier, err := os.ReadDir(filepath.Join(folder, "checkpoints"))
	require(err == nil || errors.Is(err, fs.ErrNotExist), "`checkpoints` cannot be read")
	for _, entry := range earlier {
		then := openCheckpoint(readFile(folder, "checkpoints", entry.Name()), key)
		require(then.N <= head.N, "%s has %d events, the log only %d", entry.Name(), then.N, head.N)
		same := log.rootAt(then.N) == then.Hash
		require(same, "the first %d events do not give the root of %s", then.N, entry.Name())
	}
	return fmt.Sprintf("%d events, %d earlier checkpoints", head.N, len(earlier))
}

func checkProof(asked []string, key note.Verifier) string {
	lines, checkpoint := splitProof(asked[0])
	require(lines[0] == "c2sp.org/tlog-proof@v1", "the proof is of an unknown kind")
	lines = lines[1:]
	var extra []byte
	carried := len(lines) > 0 && strings.HasPrefix(lines[0], "extra ")
	if carried {
		var text string
		text, lines = readField(lines, "extra")
		extra = readBase64(text)
	}
	text, lines := readField(lines, "index")
	index, path := readCount(text), readHashes(lines)
	head := openCheckpoint(checkpoint, key)
	event := extra
	if asked[1] != "-" {
		event = readFile(asked[1])
	} else {
		require(carried, "the proof does not carry its event")
	}
	require(index < head.N, "a log of %d events has none at %d", head.N, index)
	err := tlog.CheckRecord(path, head.N, head.Hash, index, tlog.RecordHash(event))
	require(err == nil, "the proof does not lead to the root")
	return fmt.Sprintf("event %d of %d", index, head.N)
}

func checkConsistency(asked []string, key note.Verifier) string {
	lines, checkpoint := splitProof(asked[0])
	text, lines := readField(lines, "old")
	from, proof := readCount(text), readHashes(lines)
	head, old := openCheckpoint(checkpoint, key), openCheckpoint(readFile(asked[1]), key)
	require(from == old.N, "the proof is from %d events, the older checkpoint has %d", from, old.N)
	// Every log begins with the empty one: it would be accepted and show nothing.
	require(old.N > 0, "nothing can be shown from a log without events")
	require(old.N <= head.N, "the older checkpoint has %d events, the newer only %d", old.N, head.N)
	err := tlog.CheckTree(proof, head.N, head.Hash, old.N, old.Hash)
	require(err == nil, "the proof does not lead to the root")
	return fmt.Sprintf("%d events begin with the %d of then", head.N, old.N)
}

type check struct {
	width int // how many arguments make one thing to check
	run   func(asked []string, key note.Verifier) string
}

var checks = map[string]check{"log": {1, checkLog}, "proof": {2, checkProof}, "consistency": {2, checkConsistency}}

// verdict prints whether one thing is well. Any panic refuses it.
func verdict(run check, asked []string, keyFile string) (ok bool) {
	defer func() {
		if reason := recover(); reason != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", asked[0], reason)
		}
	}()
	said := run.run(asked, readKey(keyFile))
	fmt.Printf("ok: %s: %s\n", asked[0], said)
	return true
}

func main() {
	args := append(os.Args[1:], "")
	run, given := checks[args[0]], args[1:]
	if run.width == 0 || len(given) < run.width+2 || (len(given)-2)%run.width != 0 {
		fmt.Fprintln(os.Stderr, "usage: verify log FOLDER... KEY | proof FILE EVENT... KEY | consistency FILE OLD... KEY")
		os.Exit(2)
	}
	asked, keyFile, code := given[:len(given)-2], given[len(given)-2], 0
	for ; len(asked) > 0; asked = asked[run.width:] {
		if !verdict(run, asked[:run.width], keyFile) {
			code = 1
		}
	}
	os.Exit(code)
}
