package debian

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Chromium returns Debian's Chromium without a screen, ready to run.
func (c *Cache) Chromium(ctx context.Context) (Program, error) {
	const dir = "usr/lib/chromium"
	p, err := c.Program(ctx, "chromium-headless-shell", filepath.Join(dir, "chromium-headless-shell"))
	if err != nil {
		return p, err
	}
	common, err := c.Package(ctx, "chromium-common")
	if err != nil {
		return p, err
	}
	// The program looks for its data beside itself, where they would be installed.
	files, err := os.ReadDir(filepath.Join(common, dir))
	if err != nil {
		return p, fmt.Errorf("data of Chromium: %w", err)
	}
	for _, f := range files {
		err := os.Symlink(filepath.Join(common, dir, f.Name()), filepath.Join(filepath.Dir(p.Path), f.Name()))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return p, fmt.Errorf("data of Chromium: %w", err)
		}
	}
	return p, nil
}
