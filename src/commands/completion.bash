# bash completion for qcow2-info                            -*- shell-script -*-
# shellcheck shell=bash
#
# Printed by `qcow2-info completion bash`. The program itself knows what can stand at the cursor. Names in an
# image are hostile: they are quoted here, and nothing is evaluated.

# Splits the line into words, without their quotes: `words`, and `at`, which of them has the cursor. That word
# ends at the cursor; `open` is the quote that is open there, and `before` how many characters of the word
# readline keeps, because it replaces only the last TEXT of the line.
#
#     _qcow2_info_split TEXT
_qcow2_info_split() {
    local i char word='' quote='' inside='' passed='' text=$1
    words=() at=0 open='' before=0
    for ((i = 0; i <= ${#COMP_LINE}; i++)); do
        char=${COMP_LINE:i:1}
        if ((i == COMP_POINT - ${#text})); then
            before=${#word}
        fi
        if ((i == COMP_POINT)); then
            at=${#words[@]} open=$quote
            words+=("$word")
            # The rest of the word is dropped.
            passed=$inside word='' inside='' quote=''
            [[ -z $passed ]] || while [[ ${COMP_LINE:i:1} == [^[:space:]] ]]; do i=$((i + 1)); done
            char=${COMP_LINE:i:1}
        fi
        case $quote$char in
        "'" | '"') quote=$char inside=1 ;;
        "''" | '""') quote='' ;;
        \\ | \"\\) i=$((i + 1)) word+=${COMP_LINE:i:1} inside=1 ;;
        '' | ' ' | $'\t' | $'\n')
            [[ -z $inside ]] || words+=("$word")
            word='' inside=''
            ;;
        '|' | ';' | '&' | '<' | '>') [[ $i -lt $COMP_POINT ]] || return 0 ;;
        *) word+=$char inside=1 ;;
        esac
    done
}

# Adds a candidate to COMPREPLY, quoted as the line goes on.
_qcow2_info_offer() {
    local rest=${1:before}
    case $open in
    "'") [[ $rest == *"'"* ]] || COMPREPLY+=("$rest") ;;
    '"') [[ $rest == *[\"\$\`\\!]* ]] || COMPREPLY+=("$rest") ;;
    *) printf -v rest %q "$rest" && COMPREPLY+=("$rest") ;;
    esac
}

_qcow2_info() {
    local words at open before reply line
    COMPREPLY=()
    _qcow2_info_split "$2"
    mapfile -t reply < <(command qcow2-info completion --word=$((at - 1)) -- "${words[@]:1}" 2>/dev/null)
    for line in "${reply[@]:1}"; do
        _qcow2_info_offer "${line%%$'\t'*}"
    done
    case ${reply[0]-} in
    files*)
        # Without a candidate readline completes file names.
        [[ ${#COMPREPLY[@]} -eq 0 ]] || {
            compopt -o filenames
            mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$2")
        }
        ;;
    folders*) compopt +o default -o dirnames ;;
    *) compopt +o default ;;
    esac
}

complete -o default -F _qcow2_info qcow2-info
