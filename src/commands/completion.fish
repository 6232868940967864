# fish completion for qcow2-info, printed by `qcow2-info completion fish`. The program itself knows what can stand at
# the cursor. Names in an image are hostile: fish quotes what it inserts, and nothing is evaluated.

# The word at the cursor without its quotes, one of which may be open.
function __qcow2_info_current
    set -l word (commandline -ct)
    for close in '' '"' "'"
        string unescape -- "$word$close" 2>/dev/null; and return
    end
    echo
end

function __qcow2_info_complete
    set -l before (commandline -opc)
    set -l current (__qcow2_info_current)
    set -l at (math (count $before) - 1)
    set -l reply (command qcow2-info completion --word=$at -- $before[2..] $current 2>/dev/null)
    set -q reply[1]; or return
    set -l kind (string split ' ' -- $reply[1])
    for answer in $reply[2..]
        printf '%s\n' $answer
    end
    set -l start (string sub -l $kind[2] -- $current)
    set -l path (string sub -s (math $kind[2] + 1) -- $current)
    switch $kind[1]
        case files
            for found in (__fish_complete_path $path)
                printf '%s\n' $start$found
            end
        case folders
            for found in (__fish_complete_directories $path '')
                printf '%s\n' $start$found
            end
    end
end

complete -c qcow2-info -e
complete -c qcow2-info -f -a '(__qcow2_info_complete)'
