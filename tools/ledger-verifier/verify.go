package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// tileHeight is fixed by C2SP tlog-tiles: 2^8 hashes in a full tile.
const tileHeight = 8

type options struct{ folder, origin, key, earlier, proof string }

// hashes is the log's stored hashes in the order of tlog.StoredHashIndex, all recomputed from the entries.
type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, 0, len(indexes))
	for _, index := range indexes {
		if index < 0 || index >= int64(len(h)) {
			return nil, fmt.Errorf("no stored hash %d", index)
		}
		found = append(found, h[index])
	}
	return found, nil
}

func verify(o options) (int64, error) {
	verifier, err := note.NewVerifier(o.key)
	if err != nil {
		return 0, fail(codeUsage, "verifier key: %v", err)
	}
	tree, err := readCheckpoint(filepath.Join(o.folder, "checkpoint"), o.origin, verifier)
	if err != nil {
		return 0, err
	}
	stored, err := readEntries(o.folder, tree.N)
	if err != nil {
		return 0, err
	}
	if err := compareTiles(o.folder, tree.N, stored); err != nil {
		return 0, err
	}
	root, err := tlog.TreeHash(tree.N, stored)
	if err != nil {
		return 0, err
	}
	if root != tree.Hash {
		return 0, fail(codeInconsistent, "the entries have the root %v, the checkpoint says %v", root, tree.Hash)
	}
	if o.earlier != "" {
		if err := compareEarlier(o, verifier, tree, stored); err != nil {
			return 0, err
		}
	}
	if o.proof != "" {
		if err := checkProof(o, verifier, stored); err != nil {
			return 0, err
		}
	}
	return tree.N, nil
}

func readCheckpoint(path, origin string, verifier note.Verifier) (tlog.Tree, error) {
	signed, err := os.ReadFile(path)
	if err != nil {
		return tlog.Tree{}, err
	}
	return openCheckpoint(signed, origin, verifier)
}

func openCheckpoint(signed []byte, origin string, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, fail(codeSignature, "checkpoint: %v", err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 {
		return tlog.Tree{}, fail(codeSignature, "checkpoint: %d lines", len(lines))
	}
	if lines[0] != origin {
		return tlog.Tree{}, fail(codeInconsistent, "the checkpoint is of the log %q, not of %q", lines[0], origin)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return tlog.Tree{}, fail(codeSignature, "checkpoint: size %q", lines[1])
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tlog.Tree{}, fail(codeSignature, "checkpoint: root %q", lines[2])
	}
	return tlog.Tree{N: size, Hash: tlog.Hash(root)}, nil
}

// readEntries recomputes every hash of the log from its entry bundles.
func readEntries(folder string, size int64) (hashes, error) {
	var stored hashes
	for n := int64(0); n*256 < size; n++ {
		width := min(256, size-n*256)
		// The paths of hash tiles and entry bundles differ in one element only.
		path := strings.Replace(tilePath(tlog.Tile{H: tileHeight, L: 0, N: n, W: int(width)}), "tile/0/", "tile/entries/", 1)
		bundle, err := os.ReadFile(filepath.Join(folder, path))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fail(codeTruncated, "the log ends before entry %d: there is no %s", n*256, path)
		}
		if err != nil {
			return nil, err
		}
		for at := n * 256; at < n*256+width; at++ {
			if len(bundle) == 0 {
				return nil, fail(codeTruncated, "%s ends before entry %d", path, at)
			}
			if len(bundle) < 2 || len(bundle)-2 < int(binary.BigEndian.Uint16(bundle)) {
				return nil, fail(codeAltered, "%s: the length of entry %d does not fit", path, at)
			}
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			entry := bundle[2:end]
			bundle = bundle[end:]
			if err := readEntry(entry, at); err != nil {
				return nil, err
			}
			more, err := tlog.StoredHashesForRecordHash(at, tlog.RecordHash(entry), stored)
			if err != nil {
				return nil, err
			}
			stored = append(stored, more...)
		}
		if len(bundle) > 0 {
			return nil, fail(codeAltered, "%s: %d bytes follow its last entry", path, len(bundle))
		}
	}
	return stored, nil
}

func readEntry(entry []byte, index int64) error {
	var head struct {
		Seq  *int64 `json:"seq"`
		Type string `json:"type"`
		V    int    `json:"v"`
	}
	if err := json.Unmarshal(entry, &head); err != nil {
		return fail(codeAltered, "entry %d: %v", index, err)
	}
	if head.Seq == nil || *head.Seq != index || head.Type == "" || head.V < 1 {
		return fail(codeAltered, "entry %d says of itself: seq %v, type %q, version %d", index, head.Seq, head.Type, head.V)
	}
	return nil
}

// compareTiles requires every tile of a log of this size to be exactly what the entries give.
func compareTiles(folder string, size int64, stored hashes) error {
	for _, tile := range tlog.NewTiles(tileHeight, 0, size) {
		want, err := tlog.ReadTileData(tile, stored)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(filepath.Join(folder, tilePath(tile)))
		if err != nil {
			return err
		}
		if !bytes.Equal(want, got) {
			return fail(codeAltered, "%s does not fit the entries", tilePath(tile))
		}
	}
	return nil
}

// tilePath is the path of C2SP tlog-tiles, which leaves out the height that Go's path has.
func tilePath(tile tlog.Tile) string {
	return strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight), "tile/", 1)
}

func compareEarlier(o options, verifier note.Verifier, tree tlog.Tree, stored hashes) error {
	earlier, err := readCheckpoint(o.earlier, o.origin, verifier)
	if err != nil {
		return err
	}
	if earlier.N > tree.N {
		return fail(codeTruncated, "the log has %d entries, an earlier checkpoint says %d", tree.N, earlier.N)
	}
	if earlier.N == 0 {
		return nil
	}
	proof, err := tlog.ProveTree(tree.N, earlier.N, stored)
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(proof, tree.N, tree.Hash, earlier.N, earlier.Hash); err != nil {
		return fail(codeInconsistent, "the first %d entries are not those that an earlier checkpoint signed: %v", earlier.N, err)
	}
	return nil
}

// checkProof checks a .tlog-proof file against the entry that the folder holds at its index.
func checkProof(o options, verifier note.Verifier, stored hashes) error {
	text, err := os.ReadFile(o.proof)
	if err != nil {
		return err
	}
	head, signed, found := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return fail(codeAltered, "%s is no tlog-proof", o.proof)
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return fail(codeAltered, "%s: %q is no index", o.proof, lines[1])
	}
	tree, err := openCheckpoint(signed, o.origin, verifier)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(hash) != tlog.HashSize {
			return fail(codeAltered, "%s: %q is no hash", o.proof, line)
		}
		proof = append(proof, tlog.Hash(hash))
	}
	leaf, err := stored.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
	if err != nil {
		return fail(codeInconsistent, "%s: %v", o.proof, err)
	}
	if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf[0]); err != nil {
		return fail(codeInconsistent, "%s: %v", o.proof, err)
	}
	return nil
}
