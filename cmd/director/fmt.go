package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/conf/syntax"
)

// maxFormat bounds a file that is formatted; it is what a configuration may have.
const maxFormat = 32 << 20

type fmtCmd struct {
	namedFile
	File  string `short:"f" placeholder:"FILE" help:"Configuration file; - is standard input; default as for check."`
	Write bool   `short:"w" xor:"how" help:"Write the result to the file instead of printing it."`
	Check bool   `xor:"how" help:"Print nothing; exit status 1 when the file is not in canonical form."`
}

// Help is the example that "director fmt --help" shows.
func (fmtCmd) Help() string {
	return `Blocks are set in by four spaces, words are one space apart, comments stay. Included files are files of their own.

Example: director fmt -w -f /etc/keepalived/keepalived.conf`
}

// Run formats the file.
func (c *fmtCmd) Run(std streams) error {
	if err := c.into(&c.File); err != nil {
		return err
	}
	if c.File == "-" && c.Write {
		return errors.New("standard input cannot be written to: leave out -w, or name a file with -f FILE")
	}
	file := c.File
	var err error
	if file != "-" {
		if file, err = load.FindFile(c.File); err != nil {
			return err
		}
	}
	src, err := readText(file)
	if err != nil {
		return err
	}
	text := syntax.Format(src)
	switch {
	case c.Check && !bytes.Equal(src, text):
		return fmt.Errorf("%s is not in canonical form: director fmt -w -f %s makes it so", file, file)
	case c.Check:
		return nil
	case c.Write && bytes.Equal(src, text):
		return nil
	case c.Write:
		return replaceFile(file, text)
	}
	if _, err := std.out.Write(text); err != nil {
		return fmt.Errorf("writing the formatted configuration: %w", err)
	}
	return nil
}

// readText reads a file that may be a configuration.
func readText(file string) ([]byte, error) {
	in := os.Stdin
	if file != "-" {
		info, err := os.Stat(file)
		if err != nil {
			return nil, fmt.Errorf("reading the configuration: %w", err)
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("reading the configuration: %s is not a regular file", file)
		}
		if in, err = os.Open(file); err != nil {
			return nil, fmt.Errorf("reading the configuration: %w", err)
		}
		defer in.Close()
	}
	src, err := io.ReadAll(io.LimitReader(in, maxFormat+1))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if len(src) > maxFormat {
		return nil, fmt.Errorf("%s has more than %d bytes: is it a configuration?", file, maxFormat)
	}
	if bytes.IndexByte(src, 0) >= 0 {
		return nil, fmt.Errorf("%s is not text: is it a configuration?", file)
	}
	return src, nil
}

// replaceFile replaces a file by another text, whole or not at all, and keeps
// its mode and owner. A symbolic link stays one.
func replaceFile(name string, text []byte) error {
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	info, err := os.Stat(target)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	f, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+".")
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(text)
	if err := errors.Join(err, f.Chmod(info.Mode().Perm()), keepOwner(f, info), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	if err := os.Rename(f.Name(), target); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}
