#compdef qcow2-info
#
# zsh completion for qcow2-info, printed by `qcow2-info completion zsh`. The program itself knows what can stand at
# the cursor. Names in an image are hostile: compadd quotes them, and nothing is evaluated.

_qcow2-info() {
    local -a line reply offered shown
    local answer word kind skip added=1
    ((CURRENT <= 2)) || line+=("${(@Q)words[2,CURRENT-1]}")
    line+=("${(Q)PREFIX}")
    ((CURRENT >= $#words)) || line+=("${(@Q)words[CURRENT+1,-1]}")
    reply=("${(@f)$(command qcow2-info completion --word=$((CURRENT - 2)) -- "${line[@]}" 2>/dev/null)}")
    kind=${reply[1]%% *} skip=${reply[1]##* }
    shift reply
    for answer in "${reply[@]}"; do
        word=${answer%%$'\t'*}
        offered+=("$word")
        [[ $answer == *$'\t' ]] && shown+=("$word") || shown+=("${${answer/$'\t'/  -- }[1,COLUMNS-1]}")
    done
    ((! $#offered)) || compadd -l -d shown -a offered && added=0
    case $kind in
    files) ((!skip)) || compset -p $skip; _files && added=0 ;;
    folders) ((!skip)) || compset -p $skip; _files -/ && added=0 ;;
    esac
    return added
}

if [[ ${funcstack[1]} == _qcow2-info ]]; then
    _qcow2-info "$@"
else
    compdef _qcow2-info qcow2-info
fi
