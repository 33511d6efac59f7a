// Command tools packages the module in the folder above as a module proxy serves it.
//
//	go -C tools run . VERSION FOLDER
//
// FOLDER gets the files of the protocol of module proxies (https://go.dev/ref/mod#goproxy-protocol):
// it can be served as it is, or be a GOPROXY itself, as file://FOLDER.
package main

import (
	"encoding/json"
	"log"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

const path = "runstream.io/gen"

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: go -C tools run . VERSION FOLDER")
	}
	if err := writeVersion(os.Args[1], filepath.Join(os.Args[2], path, "@v")); err != nil {
		log.Fatal(err)
	}
}

// writeVersion writes the files of a version, and the list of the versions that are in a folder.
func writeVersion(version, folder string) error {
	if err := module.Check(path, version); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	file := filepath.Join(folder, version)
	archive, err := os.Create(file + ".zip")
	if err != nil {
		return err
	}
	defer archive.Close()
	// A module in a folder below, such as this one, is left out.
	if err := zip.CreateFromDir(archive, module.Version{Path: path, Version: version}, ".."); err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return err
	}
	definition, err := os.ReadFile("../go.mod")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".mod", definition, 0o644); err != nil {
		return err
	}
	info, err := json.Marshal(map[string]any{"Version": version, "Time": time.Now().UTC()})
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".info", info, 0o644); err != nil {
		return err
	}
	return writeList(folder)
}

// writeList writes the list of the versions that are in a folder.
func writeList(folder string) error {
	found, err := filepath.Glob(filepath.Join(folder, "*.zip"))
	if err != nil {
		return err
	}
	list := ""
	for _, name := range found {
		base := filepath.Base(name)
		list += base[:len(base)-len(".zip")] + "\n"
	}
	return os.WriteFile(filepath.Join(folder, "list"), []byte(list), 0o644)
}
