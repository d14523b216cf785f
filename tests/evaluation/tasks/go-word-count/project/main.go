package main

import "os"

func main() {
	counts, err := Count(os.Stdin)
	if err != nil {
		println("count:", err.Error())
		os.Exit(1)
	}
	os.Stdout.WriteString(counts.String() + "\n")
}
