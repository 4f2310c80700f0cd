#!/bin/sh
# Makes formats/ out of zh1.kokoro.m4a: the containers that phones and browsers record. Needs ffmpeg. The files are
# checked in; another ffmpeg makes other bytes of the same sound.
set -eu

cd "$(dirname "$0")"
mkdir -p formats
convert() {
  out=$1
  shift
  ffmpeg -nostdin -v error -y -i zh1.kokoro.m4a -map_metadata -1 -ac 1 "$@" "formats/$out"
}
convert faststart.m4a -c:a aac -b:a 48k -ar 44100 -movflags +faststart
# As Safari records it.
convert fragmented.mp4 -c:a aac -b:a 48k -ar 44100 -movflags +frag_keyframe+empty_moov+default_base_moof
convert adts.aac -c:a aac -b:a 48k -ar 44100
convert tagged.mp3 -c:a libmp3lame -b:a 48k -ar 24000 -id3v2_version 3 -metadata title=zh1
convert bare.mp3 -c:a libmp3lame -b:a 48k -ar 44100 -id3v2_version 0 -write_xing 0
convert opus.ogg -c:a libopus -b:a 24k
convert vorbis.ogg -c:a libvorbis -q:a 1 -ar 44100
convert samples.wav -c:a pcm_s16le -ar 16000
convert aac.3gp -c:a aac -b:a 32k -ar 16000
# As Chromium and Firefox record it: neither lengths nor a duration in the header, since a pipe cannot be gone back in.
ffmpeg -nostdin -v error -y -i zh1.kokoro.m4a -map_metadata -1 -ac 1 -c:a libopus -b:a 24k -f webm -live 1 - </dev/null |
  cat >formats/live.webm
convert whole.webm -c:a libopus -b:a 24k
# As old Android phones record it. No free encoder of AMR is packaged: two seconds of frames without speech (RFC 4867).
/usr/bin/python3 -c '
import sys
sys.stdout.buffer.write(b"#!AMR\n" + 100 * (bytes([0x3C]) + bytes(31)))' |
  ffmpeg -nostdin -v error -y -f amr -i pipe:0 -c copy formats/amr.3gp
