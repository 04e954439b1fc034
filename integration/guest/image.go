//go:build linux

package guest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/lvs-director/director/integration/debian"
)

// quickImage returns the kernel as an uncompressed ELF file, which QEMU starts
// directly: under emulation the kernel's own unpacking takes a third of the
// boot. If it cannot unpack the kernel it returns the package's image.
func quickImage(ctx context.Context, dir string, kernel debian.Kernel) string {
	path := filepath.Join(dir, "vmlinux-"+kernel.Release)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	elf, err := unpackImage(ctx, kernel.Image)
	if err != nil {
		return kernel.Image
	}
	temp := fmt.Sprintf("%s.%d", path, os.Getpid())
	defer os.Remove(temp)
	if os.WriteFile(temp, elf, 0o644) != nil || os.Rename(temp, path) != nil {
		return kernel.Image
	}
	return path
}

// Fields of the setup header, Documentation/arch/x86/boot.rst.
const (
	setupSectors  = 0x1f1
	payloadOffset = 0x248
	payloadLength = 0x24c
	setupEnd      = 0x250
	sectorSize    = 512
)

// unpackImage extracts and decompresses the payload of a bzImage.
func unpackImage(ctx context.Context, path string) ([]byte, error) {
	image, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(image) < setupEnd {
		return nil, errors.New("kernel image too short")
	}
	start := (int(image[setupSectors])+1)*sectorSize + int(binary.LittleEndian.Uint32(image[payloadOffset:]))
	// The payload ends with its uncompressed size, four bytes that the
	// decompressor must not see.
	end := start + int(binary.LittleEndian.Uint32(image[payloadLength:])) - 4
	if start < 0 || end > len(image) || start >= end {
		return nil, errors.New("kernel image without a payload")
	}
	payload := image[start:end]
	var tool string
	switch {
	case bytes.HasPrefix(payload, []byte("\xfd7zXZ")):
		tool = "xz"
	case bytes.HasPrefix(payload, []byte("\x28\xb5\x2f\xfd")):
		tool = "zstd"
	default:
		return nil, errors.New("kernel image with an unknown compression")
	}
	cmd := exec.CommandContext(ctx, tool, "-dc")
	cmd.Stdin = bytes.NewReader(payload)
	elf, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("unpack the kernel image with %s: %w", tool, err)
	}
	if !bytes.HasPrefix(elf, []byte("\x7fELF")) {
		return nil, errors.New("kernel image does not hold an ELF file")
	}
	return elf, nil
}
