package main

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

// Counts is what a text consists of.
type Counts struct {
	Lines, Words, Letters int
	Longest               string
}

// Count reads a text to its end.
func Count(text io.Reader) (Counts, error) {
	var counts Counts
	reader := bufio.NewReader(text)
	for {
		line, err := reader.ReadString('\n')
		if err == io.EOF {
			return counts, nil
		}
		counts.Lines++
		for _, word := range strings.Split(line, " ") {
			counts.Words++
			counts.Letters += len(word)
			if len(word) > len(counts.Longest) {
				counts.Longest = word
			}
		}
	}
}

func (counts Counts) String() string {
	numbers := []string{
		strconv.Itoa(counts.Lines), strconv.Itoa(counts.Words), strconv.Itoa(counts.Letters),
	}
	return strings.Join(numbers, " ") + " " + counts.Longest
}
